// The mannequin: capsules between joints, and a head with a face, so that it is seen where it looks.

import * as THREE from "./vendor/three.module.min.js";

const LEFT = 0x3d8bfd, RIGHT = 0xf4593a, CENTRES = [0xd6d3cc, 0xe3bd5b, 0x8fce8a, 0xc3a2ea]; // the last for each person
// Metres, at each joint; a bone runs from its parent's radius to its own.
const RADIUS = { pelvis: 0.105, hip: 0.085, knee: 0.058, ankle: 0.042, foot: 0.036, spine: 0.1, neck: 0.055, head: 0.052,
  collar: 0.07, shoulder: 0.064, elbow: 0.045, wrist: 0.034 };
const radiusOf = (name) => RADIUS[name.replace(/^(left|right)_|\d$/g, "")] ?? 0.06;
const HEAD_RADIUS = 0.1, HEAD_LIFT = 0.07; // metres; the joint is at the base of the skull
const UP = new THREE.Vector3(0, 1, 0);

export const jointAt = (person, index) => new THREE.Vector3().fromArray(person.joints, 3 * index);

// World rotations of all joints, each relative to the T-pose facing +Z; parents come first.
export function worldTurns(person, parents) {
  const turns = [];
  parents.forEach((parent, index) => {
    const own = new THREE.Quaternion().fromArray(person.rotations, 4 * index);
    turns.push(parent < 0 ? own : turns[parent].clone().multiply(own));
  });
  return turns;
}

// Where the body faces, radians about Y, 0 for +Z.
export function headingOf(person) {
  const forward = new THREE.Vector3(0, 0, 1).applyQuaternion(new THREE.Quaternion().fromArray(person.rotations, 0));
  return Math.atan2(forward.x, forward.z);
}

export class Mannequin {
  constructor(header, number) {
    this.header = header;
    this.group = new THREE.Group();
    this.headIndex = header.joints.indexOf("head");
    const centre = CENTRES[number % CENTRES.length];
    this.parts = header.joints.map((name, joint) => this.makePart(name, joint, header, centre));
    this.head = makeHead(centre);
    this.group.add(this.head);
    this.group.traverse((mesh) => { mesh.castShadow = mesh.isMesh === true; });
  }

  makePart(name, joint, header, centre) {
    const side = name.startsWith("left") ? LEFT : name.startsWith("right") ? RIGHT : centre;
    const material = new THREE.MeshStandardMaterial({ color: side, roughness: 0.55 });
    const parent = header.parents[joint], radius = radiusOf(name);
    const ball = new THREE.Mesh(new THREE.SphereGeometry((name === "head" ? 0.98 : 1.005) * radius, 24, 16), material);
    const bone = parent < 0 ? null
      : new THREE.Mesh(new THREE.CylinderGeometry(radius, Math.min(radiusOf(header.joints[parent]), 1.6 * radius), 1, 20), material);
    this.group.add(ball);
    if (bone !== null) this.group.add(bone);
    return { ball, bone, parent };
  }

  pose(person) {
    this.parts.forEach(({ ball, bone, parent }, index) => {
      const here = jointAt(person, index);
      ball.position.copy(here);
      if (bone !== null) stretch(bone, jointAt(person, parent), here);
    });
    this.head.quaternion.copy(worldTurns(person, this.header.parents)[this.headIndex]);
    this.head.position.copy(jointAt(person, this.headIndex));
  }
}

// A head that faces +Z, its origin at the joint.
function makeHead(colour) {
  const head = new THREE.Group();
  const put = (geometry, paint, x, y, z, scale = [1, 1, 1]) => {
    const mesh = new THREE.Mesh(geometry, new THREE.MeshStandardMaterial({ color: paint, roughness: 0.5 }));
    mesh.position.set(x, y + HEAD_LIFT, z);
    mesh.scale.set(...scale);
    head.add(mesh);
    return mesh;
  };
  const ball = (radius) => new THREE.SphereGeometry(radius, 24, 16);
  put(ball(HEAD_RADIUS), colour, 0, 0.01, 0, [0.92, 1.12, 1]);
  for (const side of [-1, 1]) {
    put(ball(0.021), 0xffffff, side * 0.037, 0.028, 0.083, [1, 1.1, 0.6]);
    put(ball(0.012), 0x14161b, side * 0.037, 0.028, 0.094, [1, 1.2, 0.6]);
    put(new THREE.BoxGeometry(0.036, 0.008, 0.012), 0x4a3a2e, side * 0.037, 0.06, 0.083).rotation.z = side * 0.1;
    put(ball(0.022), colour, side * 0.092, 0.005, 0, [0.5, 1.1, 0.8]);
  }
  put(new THREE.ConeGeometry(0.016, 0.036, 12), colour, 0, 0.0, 0.103).rotation.x = 1.25;
  put(new THREE.TorusGeometry(0.026, 0.005, 8, 20, 2.2), 0x8a3b34, 0, -0.03, 0.08).rotation.z = Math.PI + 0.47;
  return head;
}

export function stretch(bone, there, here) {
  const along = here.clone().sub(there), length = along.length();
  bone.position.copy(there).add(here).multiplyScalar(0.5);
  bone.scale.y = Math.max(length, 1e-4);
  if (length > 1e-6) bone.quaternion.setFromUnitVectors(UP, along.divideScalar(length));
}

export class Robot {
  constructor(header) {
    this.group = new THREE.Group();
    this.capsules = header.robot.radii.map((radius, index) => {
      const color = { left: LEFT, right: RIGHT }[header.robot.sides[index]] ?? CENTRES[0];
      const material = new THREE.MeshStandardMaterial({ color, roughness: 0.35, metalness: 0.4 });
      const ball = () => new THREE.Mesh(new THREE.SphereGeometry(radius, 20, 12), material);
      const meshes = [ball(), ball(), new THREE.Mesh(new THREE.CylinderGeometry(radius, radius, 1, 20), material)];
      for (const mesh of meshes) { mesh.castShadow = true; this.group.add(mesh); }
      return meshes;
    });
  }

  pose(frame) {
    this.capsules.forEach(([start, end, bone], index) => {
      start.position.fromArray(frame.robot, 6 * index);
      end.position.fromArray(frame.robot, 6 * index + 3);
      stretch(bone, start.position, end.position);
    });
  }
}
