// The motion as it comes, drawn with three.js. Everything is served beside this file; nothing else is asked for.

import * as THREE from "./vendor/three.module.min.js";
import { SILENT, hear } from "./protocol.js";

const LEFT = 0x3d8bfd, RIGHT = 0xf4593a, CENTRE = 0xd6d3cc, BACKGROUND = 0x1b1e25;
// Metres, at each joint; a bone runs from its parent's radius to its own.
const RADIUS = { pelvis: 0.105, hip: 0.085, knee: 0.058, ankle: 0.042, foot: 0.036, spine: 0.1, neck: 0.055, head: 0.052,
  collar: 0.07, shoulder: 0.064, elbow: 0.045, wrist: 0.034 };
const radiusOf = (name) => RADIUS[name.replace(/^(left|right)_|\d$/g, "")] ?? 0.06;
const RETRY = 1000; // milliseconds before a lost connection is tried again
const FOLLOWING = 4; // per second, how fast the camera follows the body

const at = (id) => document.getElementById(id);
let state = SILENT, body = null, robot = null, follow = true, arrived = 0, pace = 0, paceSince = performance.now();

const renderer = openRenderer();
const scene = new THREE.Scene();
scene.background = new THREE.Color(BACKGROUND);
scene.fog = new THREE.Fog(BACKGROUND, 7, 16);
const camera = new THREE.PerspectiveCamera(38, 1, 0.05, 60);
const orbit = { yaw: 0.62, pitch: 0.22, distance: 4.2, target: new THREE.Vector3(0, 0.85, 0) };
const sun = addLights();
const floor = addFloor();
connect();
listenToHands();
renderer?.setAnimationLoop(draw);

function openRenderer() {
  try {
    const made = new THREE.WebGLRenderer({ antialias: true });
    made.setPixelRatio(Math.min(devicePixelRatio, 2));
    made.shadowMap.enabled = true;
    document.body.prepend(made.domElement);
    return made;
  } catch {
    at("help").textContent = "this browser has no WebGL: words and numbers only";
    return null;
  }
}

function addLights() {
  scene.add(new THREE.HemisphereLight(0xbfd0e8, 0x33302c, 1.1));
  const light = new THREE.DirectionalLight(0xfff4e6, 2.6);
  light.castShadow = true;
  light.shadow.mapSize.set(1024, 1024);
  for (const [side, sign] of [["left", -1], ["right", 1], ["bottom", -1], ["top", 1]]) light.shadow.camera[side] = 1.8 * sign;
  light.shadow.radius = 4;
  scene.add(light, light.target);
  return light;
}

function addFloor() {
  const tiles = new THREE.Group();
  const floor = new THREE.Mesh(new THREE.PlaneGeometry(60, 60), new THREE.MeshStandardMaterial({ color: 0x3a404b, roughness: 1 }));
  floor.rotation.x = -Math.PI / 2;
  floor.position.y = -0.045;
  floor.receiveShadow = true;
  // Thin strips, because lines are one pixel wide and some drivers drop them. Every fourth is wider.
  const half = 15, lines = 4 * half + 1, paint = new THREE.MeshBasicMaterial({ color: 0x5a6372 });
  const grid = new THREE.InstancedMesh(new THREE.BoxGeometry(1, 0.001, 1), paint, 2 * lines);
  for (let i = 0; i < lines; i += 1) {
    const across = i / 2 - half, width = i % 4 === 0 ? 0.014 : 0.006, y = -0.044;
    grid.setMatrixAt(2 * i, new THREE.Matrix4().makeScale(width, 1, 2 * half).setPosition(across, y, 0));
    grid.setMatrixAt(2 * i + 1, new THREE.Matrix4().makeScale(2 * half, 1, width).setPosition(0, y, across));
  }
  tiles.add(floor, grid);
  scene.add(tiles);
  return tiles;
}

function makeBody(header) {
  const group = new THREE.Group();
  const parts = header.joints.map((name, joint) => {
    const side = name.startsWith("left") ? LEFT : name.startsWith("right") ? RIGHT : CENTRE;
    const material = new THREE.MeshStandardMaterial({ color: side, roughness: 0.55 });
    const parent = header.parents[joint], radius = radiusOf(name);
    const ball = new THREE.Mesh(new THREE.SphereGeometry(name === "head" ? 0.1 : 1.005 * radius, 24, 16), material);
    const bone = parent < 0 ? null
      : new THREE.Mesh(new THREE.CylinderGeometry(radius, Math.min(radiusOf(header.joints[parent]), 1.6 * radius), 1, 20), material);
    for (const mesh of [ball, bone]) {
      if (mesh !== null) { mesh.castShadow = true; group.add(mesh); }
    }
    return { ball, bone, parent, lift: name === "head" ? 0.07 : 0 };
  });
  scene.add(group);
  return { group, parts };
}

function makeRobot(header) {
  const group = new THREE.Group();
  const capsules = header.robot.radii.map((radius, index) => {
    const color = { left: LEFT, right: RIGHT }[header.robot.sides[index]] ?? CENTRE;
    const material = new THREE.MeshStandardMaterial({ color, roughness: 0.35, metalness: 0.4 });
    const ball = () => new THREE.Mesh(new THREE.SphereGeometry(radius, 20, 12), material);
    const bone = new THREE.Mesh(new THREE.CylinderGeometry(radius, radius, 1, 20), material);
    const meshes = [ball(), ball(), bone];
    for (const mesh of meshes) { mesh.castShadow = true; group.add(mesh); }
    return meshes;
  });
  scene.add(group);
  return { group, capsules };
}

function poseRobot(frame) {
  robot.capsules.forEach(([start, end, bone], index) => {
    start.position.fromArray(frame.robot, 6 * index);
    end.position.fromArray(frame.robot, 6 * index + 3);
    stretch(bone, start.position, end.position);
  });
}

function stretch(bone, there, here) {
  const along = here.clone().sub(there), length = along.length();
  bone.position.copy(there).add(here).multiplyScalar(0.5);
  bone.scale.y = Math.max(length, 1e-4);
  if (length > 1e-6) bone.quaternion.setFromUnitVectors(UP, along.divideScalar(length));
}

const UP = new THREE.Vector3(0, 1, 0);
const joint = (frame, index) => new THREE.Vector3().fromArray(frame.joints, 3 * index);

function pose(frame) {
  body.parts.forEach(({ ball, bone, parent, lift }, index) => {
    const here = joint(frame, index);
    ball.position.copy(here).y += lift;
    if (bone === null) return;
    stretch(bone, joint(frame, parent), here);
  });
}

let last = performance.now();
function draw() {
  const now = performance.now(), passed = Math.min((now - last) / 1000, 0.1);
  last = now;
  const size = renderer.getSize(new THREE.Vector2());
  if (size.x !== innerWidth || size.y !== innerHeight) {
    renderer.setSize(innerWidth, innerHeight);
    camera.aspect = innerWidth / innerHeight;
    camera.updateProjectionMatrix();
  }
  if (state.frame !== null) {
    pose(state.frame);
    if (robot !== null) poseRobot(state.frame);
    if (follow) keepUp(joint(state.frame, 0), passed);
  }
  const { yaw, pitch, distance, target } = orbit;
  camera.position.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch));
  camera.position.multiplyScalar(distance).add(target);
  camera.lookAt(target);
  floor.position.set(2 * Math.round(target.x / 2), 0, 2 * Math.round(target.z / 2)); // it never ends
  sun.target.position.set(target.x, 0, target.z);
  sun.position.set(target.x - 1.6, 4, target.z + 1.8);
  renderer.render(scene, camera);
}

function keepUp(root, passed) {
  const share = 1 - Math.exp(-FOLLOWING * passed);
  const far = Math.hypot(root.x - orbit.target.x, root.z - orbit.target.z) > 2; // the motion began again elsewhere
  orbit.target.x += (root.x - orbit.target.x) * (far ? 1 : share);
  orbit.target.z += (root.z - orbit.target.z) * (far ? 1 : share);
}

function connect() {
  const address = new URL("stream", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  state = SILENT;
  socket.onmessage = ({ data }) => {
    try {
      take(data);
    } catch (error) {
      say(`the stream cannot be read: ${error.message}`);
      socket.onclose = null;
      socket.close();
    }
  };
  socket.onclose = () => {
    say(state.ended ? "the motion has ended" : "not connected, trying again");
    setTimeout(connect, RETRY);
  };
}

function take(data) {
  const before = state;
  state = hear(state, data);
  if (before.header === null) {
    if (body !== null) scene.remove(body.group);
    body = makeBody(state.header);
    if (robot !== null) scene.remove(robot.group);
    robot = state.header.robot === undefined ? null : makeRobot(state.header);
  }
  if (state.header !== before.header) at("prompt").textContent = state.header.prompt ?? "";
  if (state.said !== before.said || before.header === null) at("said").textContent = state.said;
  if (state.frame !== before.frame) count();
  else if (state.frame === null) say("waiting for the first pose");
}

function count() {
  arrived += 1;
  const now = performance.now();
  if (now - paceSince < 250) return;
  pace = arrived / ((now - paceSince) / 1000);
  arrived = 0;
  paceSince = now;
  const seed = state.header.seed === undefined ? "" : `   seed ${state.header.seed}`;
  const hold = state.frame.waiting ? "   waiting for the generator" : "";
  say(`${state.frame.time.toFixed(1)} s   ${pace.toFixed(0)} frames/s${seed}${hold}`);
}

function say(line) {
  at("status").textContent = line;
}

function listenToHands() {
  addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    orbit.yaw -= event.movementX * 0.006;
    orbit.pitch = Math.min(1.5, Math.max(-0.05, orbit.pitch + event.movementY * 0.006));
  });
  addEventListener("wheel", (event) => {
    orbit.distance = Math.min(12, Math.max(1, orbit.distance * Math.exp(event.deltaY * 0.001)));
  }, { passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "f" || event.key === "F") follow = !follow;
  });
}
