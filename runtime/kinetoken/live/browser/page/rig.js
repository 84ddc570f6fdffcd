// A humanoid skeleton that is no VRM, turned as the body is: whatever its bones' own axes, pose of rest and unit are.

import * as THREE from "./vendor/three.module.min.js";
import { findBones } from "./bones.js";

const NATURAL = [0.3, 3]; // metres from floor to hips; beyond, the unit is another one
// Limbs whose direction at rest is brought to the T-pose's: from a bone to the one that shows its direction.
const LIMBS = ["left", "right"].flatMap((side) => [["hip", "knee"], ["knee", "ankle"], ["shoulder", "elbow"], ["elbow", "wrist"]]
  .map((pair) => pair.map((joint) => `${side}_${joint}`)));

export class Rig {
  // null where the scene holds no humanoid.
  static of(scene, header) {
    const nodes = [], index = new Map();
    scene.traverse((node) => {
      index.set(node, nodes.length);
      nodes.push(node);
    });
    const found = findBones(nodes.map((node) => ({ name: node.name ?? "", parent: index.get(node.parent) ?? -1 })));
    if (found === null) return null;
    const rig = new Rig(scene, header, new Map(Object.entries(found).map(([joint, at]) => [joint, nodes[at]])));
    return rig.scale > 0 && Number.isFinite(rig.scale) ? rig : null; // bones that all lie in one place are no body
  }

  constructor(scene, header, bones) {
    this.header = header;
    this.bones = bones;
    this.wrapper = new THREE.Group();
    this.wrapper.add(scene);
    this.faceForward();
    this.fitUnit();
    this.rest = new Map([...bones].map(([joint, bone]) => [joint, bone.getWorldQuaternion(new THREE.Quaternion())]));
    this.straighten();
  }

  bone(joint) {
    return this.bones.get(joint);
  }

  at(joint) {
    return this.bones.get(joint).getWorldPosition(new THREE.Vector3());
  }

  // Turns all so that the left side is at +X and the head up, as the T-pose has it.
  faceForward() {
    const left = this.at("left_hip").sub(this.at("right_hip"));
    const up = this.at(this.bones.has("head") ? "head" : "left_shoulder").sub(this.at("left_knee").add(this.at("right_knee")).multiplyScalar(0.5));
    const x = left.addScaledVector(up, -left.dot(up) / up.lengthSq()).normalize(), y = up.normalize();
    const basis = new THREE.Matrix4().makeBasis(x, y, new THREE.Vector3().crossVectors(x, y));
    this.wrapper.quaternion.setFromRotationMatrix(basis).invert();
    snapUp(this.wrapper.quaternion);
    this.wrapper.updateMatrixWorld(true);
  }

  // Scales what is not in metres; `scale` is its legs' length by the body's.
  fitUnit() {
    const box = new THREE.Box3().setFromObject(this.wrapper);
    const ankles = Math.min(this.at("left_ankle").y, this.at("right_ankle").y);
    const sole = box.isEmpty() ? ankles : Math.min(box.min.y, ankles);
    const height = this.at("pelvis").y - sole;
    const ours = this.header.rest[0][1];
    const unit = height < NATURAL[0] || height > NATURAL[1] ? ours / height : 1;
    this.wrapper.scale.multiplyScalar(unit);
    this.wrapper.updateMatrixWorld(true);
    this.scale = unit * height / ours;
  }

  // What turns each limb from its rest into the T-pose.
  straighten() {
    const placed = restPlaces(this.header);
    this.straight = new Map();
    for (const [joint, next] of LIMBS) {
      if (!this.bones.has(joint) || !this.bones.has(next)) continue;
      const here = this.at(next).sub(this.at(joint)).normalize();
      const there = placed.get(next).clone().sub(placed.get(joint)).normalize();
      this.straight.set(joint, new THREE.Quaternion().setFromUnitVectors(here, there));
    }
    for (const side of ["left", "right"]) { // a hand goes with its arm
      if (this.straight.has(`${side}_elbow`)) this.straight.set(`${side}_wrist`, this.straight.get(`${side}_elbow`));
    }
  }

  pose(person, turns) {
    const hips = this.bones.get("pelvis");
    const root = new THREE.Vector3().fromArray(person.joints).multiplyScalar(this.scale);
    hips.parent.updateWorldMatrix(true, false);
    hips.position.copy(hips.parent.worldToLocal(root));
    this.header.joints.forEach((joint, index) => { // parents first
      const bone = this.bones.get(joint);
      if (bone === undefined) return;
      const world = turns[index].clone().multiply(this.straight.get(joint) ?? NO_TURN).multiply(this.rest.get(joint));
      bone.quaternion.copy(bone.parent.getWorldQuaternion(new THREE.Quaternion()).invert().multiply(world));
    });
  }
}

const NO_TURN = new THREE.Quaternion();

// A body leans a little between knees and head: only what is clearly no upright model is tilted.
function snapUp(quaternion) {
  const up = new THREE.Vector3(0, 1, 0).applyQuaternion(quaternion);
  if (up.y > 0.9) {
    const forward = new THREE.Vector3(0, 0, 1).applyQuaternion(quaternion);
    quaternion.setFromAxisAngle(new THREE.Vector3(0, 1, 0), Math.atan2(forward.x, forward.z));
  }
}

// Joint to its place in the T-pose.
function restPlaces(header) {
  const places = [];
  header.parents.forEach((parent, index) => {
    const offset = new THREE.Vector3().fromArray(header.rest[index]);
    places.push(parent < 0 ? offset : offset.add(places[parent]));
  });
  return new Map(header.joints.map((joint, index) => [joint, places[index]]));
}
