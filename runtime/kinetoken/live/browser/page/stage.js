// Light, floor and camera. The camera keeps to the people, on the side of the body that was chosen.

import * as THREE from "./vendor/three.module.min.js";

const BACKGROUND = 0x1b1e25;
const FOLLOWING = 4, TURNING = 3; // per second, how fast the camera follows places and headings
const ANGLE = 38; // degrees that the picture is high
const USUAL = 4.2, CLOSE = 3.8, FARTHEST = 20; // metres from the camera to the people; close where words are not over them
const ANOTHER = 1.1; // metres farther away for each person more
const WIDTH = 1.5, SPACING = 1.4; // metres that one person takes, and each one more
const NARROW = 700, SMALL = 900; // pixels of width: the history lies over the people; words may
// Yaw from the body's front to its left, and pitch, in radians. "three-quarter" turns when another answer begins, so that
// a walk in a circle looks like one; the others keep to the body's side; "free" stays where it was dragged.
export const CAMERAS = Object.freeze({
  "three-quarter": [0.62, 0.22], front: [0, 0.12], left: [Math.PI / 2, 0.12], right: [-Math.PI / 2, 0.12],
  back: [Math.PI, 0.12], top: [0, 1.5],
});

export function openStage(transparent) {
  const renderer = openRenderer(transparent);
  const scene = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(ANGLE, 1, 0.05, 60);
  if (!transparent) {
    scene.background = new THREE.Color(BACKGROUND);
    scene.fog = new THREE.Fog(BACKGROUND);
  }
  const sun = addLights(scene), floor = addFloor(scene);
  floor.visible = !transparent;
  return new Stage(renderer, scene, camera, sun, floor);
}

class Stage {
  constructor(renderer, scene, camera, sun, floor) {
    Object.assign(this, { renderer, scene, camera, sun, floor });
    this.target = new THREE.Vector3(0, 0.85, 0);
    this.yaw = 0.62;
    this.pitch = 0.22;
    this.zoomed = 1; // times the usual distance
    this.frame = null; // {distance, x, y}: how far away, and pixels by which the picture is moved
    this.follow = true;
    this.preset = "three-quarter";
    this.heading = 0; // radians about Y, of the first person
    this.anchor = null; // the heading that the camera keeps to; null: the next that comes
  }

  // Another answer begins: nobody should be seen from behind for all of it.
  aim() {
    this.anchor = null;
  }

  choose(preset) {
    this.preset = preset;
    this.follow = true;
    [, this.pitch] = CAMERAS[preset];
    this.anchor = null;
  }

  drag(x, y) {
    if (this.preset !== "free") this.preset = "free";
    this.yaw -= x * 0.006;
    this.pitch = Math.min(1.5, Math.max(-0.05, this.pitch + y * 0.006));
  }

  zoom(by) {
    this.zoomed = Math.min(3.5, Math.max(0.2, this.zoomed * Math.exp(by * 0.001)));
  }

  // Follows the people: [{x, z}] and the heading of the first.
  keepUp(roots, heading, seconds) {
    this.heading = heading;
    if (!this.follow) return;
    const share = 1 - Math.exp(-FOLLOWING * seconds);
    const x = mean(roots.map((root) => root.x)), z = mean(roots.map((root) => root.z));
    const far = Math.hypot(x - this.target.x, z - this.target.z) > 2; // the motion began again elsewhere
    this.target.x += (x - this.target.x) * (far ? 1 : share);
    this.target.z += (z - this.target.z) * (far ? 1 : share);
    if (this.preset === "free") return;
    if (this.anchor === null || this.preset !== "three-quarter") this.anchor = heading;
    const left = this.anchor + CAMERAS[this.preset][0] - this.yaw;
    this.yaw += Math.atan2(Math.sin(left), Math.cos(left)) * (1 - Math.exp(-TURNING * seconds));
  }

  draw(people, seconds) {
    if (this.renderer === null) return;
    const size = this.renderer.getSize(new THREE.Vector2());
    if (size.x !== innerWidth || size.y !== innerHeight) {
      this.renderer.setSize(innerWidth, innerHeight);
      this.camera.aspect = innerWidth / innerHeight;
      this.camera.updateProjectionMatrix();
      this.frame = null;
    }
    const { yaw, pitch, target } = this, { distance, x, y } = this.ease(this.framed(people), seconds);
    this.camera.position.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch));
    this.camera.position.multiplyScalar(distance * this.zoomed).add(target);
    this.camera.up.set(0, 1, 0);
    this.camera.lookAt(target);
    if (x === 0 && y === 0) this.camera.clearViewOffset();
    else this.camera.setViewOffset(innerWidth, innerHeight, x, y, innerWidth, innerHeight);
    if (this.scene.fog !== null) {
      this.scene.fog.near = distance * this.zoomed + 2.8;
      this.scene.fog.far = distance * this.zoomed + 11.8;
    }
    this.floor.position.set(2 * Math.round(target.x / 2), 0, 2 * Math.round(target.z / 2)); // it never ends
    this.sun.target.position.set(target.x, 0, target.z);
    this.sun.position.set(target.x - 1.6, 4, target.z + 1.8);
    this.renderer.render(this.scene, this.camera);
  }

  // Distance and shift that show everybody between the panels, whole.
  framed(people) {
    const { right, top, bottom, usual } = this.free(), half = Math.tan(ANGLE * Math.PI / 360);
    const high = (usual + ANOTHER * (people - 1)) * innerHeight / (bottom - top);
    const row = SPACING * (people - 1), wide = (WIDTH + row) / 2 / half * innerHeight / right + 0.4 * row; // its end is nearer
    const distance = Math.min(FARTHEST, Math.max(high, wide));
    return { distance, x: (innerWidth - right) / 2, y: (innerHeight - top - bottom) / 2 };
  }

  // Edges of the part of the window that no panel covers, in pixels; the left one is the window's.
  free() {
    if (this.panels === undefined) return { right: innerWidth, top: 0, bottom: innerHeight, usual: USUAL };
    const { side, above, below } = this.panels;
    const narrow = innerWidth <= NARROW, beside = innerWidth > SMALL || (!narrow && above.textContent === "");
    return {
      usual: beside ? USUAL : CLOSE,
      right: innerWidth - (narrow ? 0 : side.offsetWidth),
      top: beside ? 0 : Math.min(above.getBoundingClientRect().bottom, innerHeight / 5), bottom: innerHeight - Math.min(below.offsetHeight, 0.6 * innerHeight),
    };
  }

  // Panels come and go at once, the picture moves there.
  ease(goal, seconds) {
    const share = this.frame === null ? 1 : 1 - Math.exp(-FOLLOWING * seconds), now = this.frame ?? goal;
    this.frame = Object.fromEntries(Object.entries(goal).map(([key, value]) => [key, now[key] + (value - now[key]) * share]));
    return this.frame;
  }

  // Where a place is seen, pixels from the window's top left.
  seenAt(place) {
    const { x, y } = place.clone().project(this.camera);
    return [(1 + x) / 2 * innerWidth, (1 - y) / 2 * innerHeight];
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function openRenderer(transparent) {
  try {
    const made = new THREE.WebGLRenderer({ antialias: true, alpha: transparent });
    made.setPixelRatio(Math.min(devicePixelRatio, 2));
    if (transparent) made.setClearAlpha(0);
    made.shadowMap.enabled = true;
    document.body.prepend(made.domElement);
    return made;
  } catch {
    return null;
  }
}

function addLights(scene) {
  scene.add(new THREE.HemisphereLight(0xbfd0e8, 0x33302c, 1.1));
  const light = new THREE.DirectionalLight(0xfff4e6, 2.6);
  light.castShadow = true;
  light.shadow.mapSize.set(1024, 1024);
  for (const [side, sign] of [["left", -1], ["right", 1], ["bottom", -1], ["top", 1]]) light.shadow.camera[side] = 3.2 * sign;
  light.shadow.radius = 4;
  scene.add(light, light.target);
  return light;
}

function addFloor(scene) {
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
