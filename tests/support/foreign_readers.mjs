// Reads files as their users do and prints what came out, as one line of JSON.
// node foreign_readers.mjs validate|glb|bvh|vrma FILE [REST.json]
import fs from 'node:fs';
import * as THREE from 'three';
import { BVHLoader } from 'three/addons/loaders/BVHLoader.js';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { VRMAnimationLoaderPlugin, createVRMAnimationClip } from '@pixiv/three-vrm-animation';
import { VRMHumanoid } from '@pixiv/three-vrm-core';
import validator from 'gltf-validator';

const [what, path, ...more] = process.argv.slice(2);
const bytes = new Uint8Array(fs.readFileSync(path));

function loadGltf() {
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMAnimationLoaderPlugin(parser));
  return loader.parseAsync(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), '');
}

// World positions of the named nodes at every keyframe of the clip.
function played(root, clip, nodes) {
  const mixer = new THREE.AnimationMixer(root);
  const action = mixer.clipAction(clip);
  action.setLoop(THREE.LoopOnce);
  action.clampWhenFinished = true;
  action.play();
  const frames = [];
  for (const time of clip.tracks[0].times) {
    mixer.setTime(time);
    root.updateMatrixWorld(true);
    const point = new THREE.Vector3();
    frames.push(Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, node.getWorldPosition(point).toArray()])));
  }
  return { times: [...clip.tracks[0].times], frames };
}

async function validate() {
  const report = await validator.validateBytes(bytes, { uri: path });
  const { numErrors, numWarnings, messages } = report.issues;
  return { errors: numErrors, warnings: numWarnings, codes: messages.map((message) => message.code) };
}

async function glb() {
  const gltf = await loadGltf();
  const mesh = [];
  gltf.scene.traverse((node) => node.isSkinnedMesh && mesh.push(node));
  const bones = Object.fromEntries(mesh[0].skeleton.bones.map((bone) => [bone.name, bone]));
  const out = played(gltf.scene, gltf.animations[0], bones);
  const point = new THREE.Vector3();
  const vertices = mesh[0].geometry.attributes.position;
  out.skinned = [];  // some vertices in the last frame, moved by their bones
  for (let index = 0; index < vertices.count; index += 101) {
    point.fromBufferAttribute(vertices, index);
    out.skinned.push([index, ...mesh[0].applyBoneTransform(index, point).toArray()]);
  }
  return { ...out, meshes: mesh.length, name: gltf.animations[0].name };
}

function bvh() {
  const { skeleton, clip } = new BVHLoader().parse(new TextDecoder().decode(bytes));
  const root = new THREE.Group();
  root.add(skeleton.bones[0]);
  const named = skeleton.bones.filter((bone) => bone.name !== 'ENDSITE');
  return played(root, clip, Object.fromEntries(named.map((bone) => [bone.name, bone])));
}

// The animation on an avatar in T-pose: REST.json gives its humanoid bones, [name, parent, x, y, z] in metres.
async function vrma() {
  const gltf = await loadGltf();
  const root = new THREE.Group();
  const raw = {};
  for (const [name, parent, x, y, z] of JSON.parse(fs.readFileSync(more[0], 'utf8'))) {
    raw[name] = { node: new THREE.Bone() };
    raw[name].node.name = name;
    raw[name].node.position.set(x, y, z);
    (parent ? raw[parent].node : root).add(raw[name].node);
  }
  root.updateMatrixWorld(true);
  const humanoid = new VRMHumanoid(raw);
  root.add(humanoid.normalizedHumanBonesRoot);
  const animation = gltf.userData.vrmAnimations[0];
  const clip = createVRMAnimationClip(animation, { humanoid, meta: { metaVersion: '1' }, scene: root });
  const nodes = Object.fromEntries(Object.keys(raw).map((name) => [name, humanoid.getNormalizedBoneNode(name)]));
  return { ...played(root, clip, nodes), rotations: animation.humanoidTracks.rotation.size };
}

console.log(JSON.stringify(await { validate, glb, bvh, vrma }[what]()));
