// The motion as it comes, drawn with three.js. Everything is served beside this file; nothing else is asked for.

import { Mannequin, Robot, headingOf, jointAt } from "./body.js";
import { Controls, say, showNotice } from "./controls.js";
import { Playback } from "./playback.js";
import { SILENT, hear } from "./protocol.js";
import { CAMERAS, openStage } from "./stage.js";

const RETRY = 1000; // milliseconds before a lost connection is tried again
const asked = new URLSearchParams(location.search);
const transparent = asked.get("transparent") === "1";
document.documentElement.classList.toggle("transparent", transparent);

const stage = openStage(transparent);
if (asked.get("camera") in CAMERAS) stage.choose(asked.get("camera"));
if (!transparent) {
  const [side, above, below] = ["history", "words", "bottom"].map((id) => document.getElementById(id));
  stage.panels = { side, above, below };
}
const playback = new Playback(60);
const people = []; // a {mannequin, avatar, file} for each person
let state = SILENT, robot = null, socket = null, arrived = 0, pace = 0, paceSince = performance.now();
let last = performance.now(), shown = null;
const ranges = new Map(); // number of a turn to {start, end}, in frame indices
let header = null; // the last that came: it outlives a lost connection
let served = null; // the avatar of everybody who has no other
let turnOfMotion = null; // the range that begins with the last prompt

const controls = new Controls({
  stage, playback,
  send: (request) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(request)),
  rangeOf: (turn) => (turn === undefined ? turnOfMotion : ranges.get(turn)),
  setAvatar, takeOff,
});
if (stage.renderer === null) showNotice("this browser has no WebGL: words and numbers only");
connect();
requestAnimationFrame(draw);

function draw(now) {
  requestAnimationFrame(draw);
  const passed = Math.min(Math.max(now - last, 0) / 1000, 0.1);
  last = now;
  const frame = playback.advance(passed);
  if (frame === null) return;
  shown = frame;
  const bodies = [frame, ...frame.others];
  fitPeople(bodies.length);
  bodies.forEach((body, number) => {
    const { mannequin, avatar } = people[number];
    if (avatar === null) mannequin.pose(body); else avatar.pose(body, playback.playing ? passed : 0);
  });
  if (robot !== null && frame.robot !== undefined) robot.pose(frame);
  stage.keepUp(bodies.map((body) => jointAt(body, 0)), headingOf(frame), passed);
  stage.draw(bodies.length, passed);
  controls.refresh(state, frame, pace, people.some(({ avatar }) => avatar !== null));
}

function fitPeople(count) {
  while (people.length > count) {
    const { mannequin, avatar } = people.pop();
    stage.scene.remove(mannequin.group);
    if (avatar !== null) { stage.scene.remove(avatar.group); avatar.dispose(); }
  }
  while (people.length < count) {
    const mannequin = new Mannequin(header, people.length);
    people.push({ mannequin, avatar: null });
    stage.scene.add(mannequin.group);
    if (served !== null) setAvatar(served, people.length - 1).catch((error) => showNotice(error.message));
  }
}

// Puts an avatar in the place of one person's mannequin, or of everybody's where `number` is null.
async function setAvatar(file, number) {
  if (people.length === 0) throw new Error("there is nobody yet; try again in a moment");
  const { makeAvatar, readAvatar } = await import("./avatar.js");
  const read = await readAvatar(file);
  const numbers = number === null ? people.map((_, index) => index) : [Math.min(number, people.length - 1)];
  let made = null;
  for (const index of numbers) {
    made = await makeAvatar(read, header);
    const person = people[index];
    if (person === undefined) { made.dispose(); continue; } // has gone in the meantime
    takeOff(index);
    person.avatar = made;
    person.mannequin.group.visible = false;
    stage.scene.add(made.group);
  }
  return made === null ? "" : made.facts || made.name;
}

// Shows one person's body again, or everybody's.
function takeOff(number) {
  people.forEach((person, index) => {
    if (person.avatar === null || (number !== null && number !== index)) return;
    stage.scene.remove(person.avatar.group);
    person.avatar.dispose();
    person.avatar = null;
    person.mannequin.group.visible = true;
  });
}

// The avatar that `kinetoken web --avatar` gives to all pages.
async function wearServed({ path, name }) {
  try {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`${name}: cannot be fetched (${answer.status}); load the page again`);
    served = new File([await answer.blob()], name);
    if (people.length > 0) await setAvatar(served, null); // who comes later wears it too
  } catch (error) {
    showNotice(error.message);
  }
}

function connect() {
  const address = new URL("stream", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  state = SILENT;
  const mine = socket;
  socket.onmessage = ({ data }) => {
    try {
      take(data);
    } catch (error) {
      say(`the stream cannot be read: ${error.message}`);
      mine.onclose = null;
      mine.close();
    }
  };
  socket.onclose = ({ reason }) => {
    say(state.ended ? "the motion has ended" : `${reason || "not connected"}, trying again`);
    controls.disconnected();
    setTimeout(connect, RETRY);
  };
}

function take(data) {
  const before = state;
  state = hear(state, data);
  if (before.header === null) {
    begin(state.header);
    controls.showTurns(state);
  }
  if (state.frame !== before.frame) {
    playback.push(state.frame);
    return count();
  }
  if (state.frame === null) say("waiting for the first pose");
  if (state.header.prompt !== before.header?.prompt || state.header.seed !== before.header?.seed) {
    turnOfMotion = { start: playback.newest, end: Infinity };
    stage.aim();
  }
  controls.words(state);
  if (state.turns !== before.turns) {
    noteRanges(before.turns);
    controls.showTurns(state);
  } else if (state.said !== before.said) controls.showSaid(state);
  if (state.refused !== null) controls.refused(state.refused);
}

function begin(next) {
  if (String(next.joints) !== String(header?.joints)) fitPeople(0); // else avatars stay on
  header = next;
  if (robot !== null) stage.scene.remove(robot.group);
  robot = header.robot === undefined ? null : new Robot(header);
  if (robot !== null) stage.scene.add(robot.group);
  playback.rate = header.rate;
  playback.reset();
  ranges.clear();
  turnOfMotion = null;
  controls.begin(header);
  if (header.avatar !== undefined && served === null) wearServed(header.avatar);
}

// The frames in which a turn was seen: from its begin to the moment when the body rested.
function noteRanges(before) {
  for (const turn of state.turns) {
    const old = before.find(({ id }) => id === turn.id);
    if (turn.state === "writing" && old?.state !== "writing") ranges.set(turn.id, turnOfMotion = { start: playback.newest, end: Infinity });
    const range = ranges.get(turn.id);
    if (turn.over && range?.end === Infinity) range.end = playback.newest;
  }
}

function count() {
  arrived += 1;
  const now = performance.now();
  if (now - paceSince < 250) return;
  pace = arrived / ((now - paceSince) / 1000);
  arrived = 0;
  paceSince = now;
}

// For scripts and for tests in a browser: what is shown now.
globalThis.kinetoken = {
  get frame() { return shown; },
  get avatars() { return people.map(({ avatar }) => avatar?.places() ?? null); },
  get seen() { return shown === null ? [] : [shown, ...shown.others].map((body) => header.joints.map((_, joint) => stage.seenAt(jointAt(body, joint)))); },
  get camera() { return { preset: stage.preset, yaw: stage.yaw, heading: stage.heading }; },
  get playback() { const { live, playing, speed, range, position, newest } = playback; return { live, playing, speed, range, position, newest }; },
};
