// An avatar in place of the mannequin: a .vrm, or a .glb with a humanoid skeleton. It is read in this browser and goes
// nowhere else.

import * as THREE from "./vendor/three.module.min.js";
import { GLTFLoader } from "./vendor/three.gltf.min.js";
import { VRMLoaderPlugin, VRMUtils } from "./vendor/three-vrm.module.min.js";
import { worldTurns } from "./body.js";
import { Rig } from "./rig.js";

const LARGEST = 256 << 20; // bytes of a file
const MAGIC = 0x46546c67, JSON_CHUNK = 0x4e4f534a; // "glTF", "JSON"
const PACKED = ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu"];
const DAMAGED = "its description is damaged; copy or export it again";
// VRM's humanoid bones, in the order of kinetoken's joints.
const VRM_BONES = {
  pelvis: "hips", spine1: "spine", spine2: "chest", spine3: "upperChest", neck: "neck", head: "head",
  left_hip: "leftUpperLeg", left_knee: "leftLowerLeg", left_ankle: "leftFoot", left_foot: "leftToes",
  right_hip: "rightUpperLeg", right_knee: "rightLowerLeg", right_ankle: "rightFoot", right_foot: "rightToes",
  left_collar: "leftShoulder", left_shoulder: "leftUpperArm", left_elbow: "leftLowerArm", left_wrist: "leftHand",
  right_collar: "rightShoulder", right_shoulder: "rightUpperArm", right_elbow: "rightLowerArm", right_wrist: "rightHand",
};

// The bytes of a file, once they may be an avatar. Throws an Error whose message is one line for the user.
export async function readAvatar(file) {
  if (!/\.(vrm|glb)$/i.test(file.name)) throw new Error(`${file.name}: expected a .vrm or .glb file`);
  if (file.size > LARGEST) {
    throw new Error(`${file.name} is too large (${Math.round(file.size / 2 ** 20)} MB, at most ${LARGEST >> 20} MB); reduce its textures`);
  }
  const bytes = await file.arrayBuffer();
  try {
    checkContainer(bytes);
  } catch (error) {
    const why = error instanceof TypeError ? DAMAGED : error.message; // a list where an object should be, and the like
    throw new Error(`${file.name}: ${why}`);
  }
  return { name: file.name, bytes };
}

function checkContainer(bytes) {
  const view = new DataView(bytes);
  if (bytes.byteLength < 20 || view.getUint32(0, true) !== MAGIC) throw new Error("this is no glTF binary; export it as .vrm or .glb");
  if (view.getUint32(4, true) !== 2) throw new Error(`glTF version ${view.getUint32(4, true)}, expected 2`);
  const length = view.getUint32(12, true);
  if (view.getUint32(16, true) !== JSON_CHUNK || view.getUint32(8, true) > bytes.byteLength || 20 + length > bytes.byteLength) {
    throw new Error("the file is cut off or damaged; copy or export it again");
  }
  let json;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes, 20, length)));
  } catch {
    throw new Error(DAMAGED);
  }
  const packed = (json.extensionsRequired ?? []).find((name) => PACKED.includes(name));
  if (packed !== undefined) throw new Error(`it is compressed (${packed}); export it without compression`);
  const outside = [...(json.buffers ?? []), ...(json.images ?? [])].some(({ uri }) => uri !== undefined && !uri.startsWith("data:"));
  if (outside) throw new Error("parts of it are in other files; export it as one .glb");
}

// An avatar of one person, ready to move. Throws an Error whose message is one line for the user.
export async function makeAvatar({ name, bytes }, header) {
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMLoaderPlugin(parser));
  let gltf;
  try {
    gltf = await loader.parseAsync(bytes.slice(0), "");
  } catch (error) {
    throw new Error(`${name}: cannot be read (${String(error.message ?? error).split("\n")[0].slice(0, 120)}); export it again`);
  }
  const { vrm } = gltf.userData;
  const rig = vrm ? null : Rig.of(gltf.scene, header);
  if (!vrm && rig === null) {
    VRMUtils.deepDispose(gltf.scene);
    throw new Error(`${name}: no humanoid skeleton is found in it (hips, legs and arms with usual names); use a .vrm`);
  }
  const avatar = vrm ? new VrmAvatar(vrm, header) : new GlbAvatar(gltf.scene, rig, header);
  avatar.name = name;
  avatar.group.traverse((node) => {
    node.frustumCulled = false; // bounds are those of the T-pose
    if (node.isMesh) node.castShadow = true;
  });
  return avatar;
}

class VrmAvatar {
  constructor(vrm, header) {
    this.vrm = vrm;
    this.header = header;
    this.group = vrm.scene;
    this.old = vrm.meta?.metaVersion === "0"; // faces -Z, and its numbers with it
    if (this.old) VRMUtils.rotateVRM0(vrm);
    const hips = vrm.humanoid.normalizedRestPose.hips?.position?.[1] ?? 1;
    this.scale = hips / header.rest[0][1];
    this.bones = header.joints.map((joint) => vrm.humanoid.getNormalizedBoneNode(VRM_BONES[joint]));
    // The nearest joint above that the avatar has: what it lacks is turned by the next.
    this.above = header.joints.map((_, index) => {
      let parent = header.parents[index];
      while (parent >= 0 && this.bones[parent] === null) parent = header.parents[parent];
      return parent;
    });
  }

  pose(person, seconds) {
    const turns = worldTurns(person, this.header.parents), sign = this.old ? -1 : 1;
    this.bones.forEach((bone, index) => {
      if (bone === null) return;
      const parent = this.above[index];
      const turn = parent < 0 ? turns[index] : turns[parent].clone().invert().multiply(turns[index]);
      bone.quaternion.set(sign * turn.x, turn.y, sign * turn.z, turn.w);
    });
    const [x, y, z] = person.joints;
    this.bones[0]?.position.set(sign * x * this.scale, y * this.scale, sign * z * this.scale);
    this.vrm.update(seconds);
  }

  // World positions of its own bones, by kinetoken's names.
  places() {
    return placesOf(this.header.joints.map((joint) => [joint, this.vrm.humanoid.getRawBoneNode(VRM_BONES[joint])]));
  }

  get facts() {
    const meta = this.vrm.meta ?? {};
    const author = (meta.authors ?? [meta.author]).filter(Boolean).join(", ");
    return [meta.name ?? meta.title, author && `by ${author}`].filter(Boolean).join(" ");
  }

  dispose() {
    VRMUtils.deepDispose(this.group);
  }
}

class GlbAvatar {
  constructor(scene, rig, header) {
    this.group = rig.wrapper;
    this.scene = scene;
    this.rig = rig;
    this.header = header;
    this.facts = "";
  }

  pose(person) {
    this.rig.pose(person, worldTurns(person, this.header.parents));
  }

  places() {
    return placesOf(this.header.joints.map((joint) => [joint, this.rig.bone(joint)]));
  }

  dispose() {
    VRMUtils.deepDispose(this.scene);
  }
}

function placesOf(bones) {
  return Object.fromEntries(bones.filter(([, bone]) => bone).map(([joint, bone]) => [joint, bone.getWorldPosition(new THREE.Vector3()).toArray()]));
}
