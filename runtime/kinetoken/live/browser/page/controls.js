// Buttons, fields and keys of the page.

import { CAMERAS } from "./stage.js";

const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const NOTICE_SECONDS = 8;
const SUFFIXES = ["glb", "vrma", "bvh", "npz"];
const EVERYBODY = "all";
const PINCH = 4; // times what the wheel zooms, for each pixel between two fingers
const at = (id) => document.getElementById(id);

export function say(line) {
  at("status").textContent = line;
}

let noticeTimer = 0;
export function showNotice(line, good = false) {
  clearTimeout(noticeTimer);
  at("notice").textContent = line;
  at("notice").classList.toggle("good", good);
  at("notice").hidden = false;
  noticeTimer = setTimeout(() => { at("notice").hidden = true; }, NOTICE_SECONDS * 1000);
}

function button(text, act, title = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = title;
  made.addEventListener("click", act);
  return made;
}

function put(parent, className, text) {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text; // never HTML: prompts and thoughts are text
  parent.append(made);
  return made;
}

function fillSelect(select, rows, chosen) {
  select.replaceChildren(...rows.map(([value, text]) => new Option(text, value, value === chosen, value === chosen)));
}

export class Controls {
  // links: {stage, playback, send(request), rangeOf(turn), setAvatar(file, person)}
  constructor(links) {
    this.links = links;
    this.people = 0;
    this.prompting = null;
    this.asked = ""; // the last prompt
    this.addCameras();
    this.addPlaying();
    this.addAsking();
    this.addAvatar();
    this.addPointer();
    addEventListener("keydown", (event) => this.key(event));
  }

  // A header has come: with or without the right to prompt.
  begin(header) {
    this.prompting = header.prompting ?? null;
    at("asking").hidden = this.prompting === null;
    at("history").hidden = true;
    at("past").hidden = this.prompting === null;
    this.words({ header, said: header.said ?? "" });
    if (this.prompting === null) return;
    const { levels, examples } = this.prompting;
    fillSelect(at("levels"), [["", "all"], ...Array.from({ length: levels }, (_, i) => [String(i + 1), String(i + 1)])], "");
    at("ask").placeholder = examples.length ? `such as: ${examples[0]}` : "what should the body do?";
    at("examples").replaceChildren(...examples.slice(0, 6).map((text) => button(text, () => this.ask(text))));
    if (matchMedia("(hover: hover)").matches) at("ask").focus(); // else a keyboard would cover the body
  }

  disconnected() {
    at("asking").hidden = true;
  }

  words({ header, said }) {
    at("prompt").textContent = header.prompt ?? "";
    at("said").textContent = said;
    at("said").scrollTop = at("said").scrollHeight; // the newest words
  }

  refresh(state, frame, pace, worn) {
    const { playback } = this.links, { header } = state;
    if (header === null) return;
    this.fitPeople(1 + frame.others.length);
    const seek = at("seek");
    seek.min = playback.oldest;
    seek.max = playback.newest;
    if (document.activeElement !== seek || playback.live || playback.playing) seek.value = playback.position;
    at("undress").hidden = !worn;
    at("pause").textContent = playback.playing ? "Pause" : "Play";
    for (const made of at("cameras").children) {
      if (made.id !== "follow") made.setAttribute("aria-pressed", String(made.dataset.camera === this.links.stage.preset));
    }
    at("live").setAttribute("aria-pressed", String(playback.live));
    at("loop").setAttribute("aria-pressed", String(playback.range !== null));
    if (at("speed").value !== String(playback.speed)) at("speed").value = String(playback.speed);
    const seed = header.seed === undefined ? "" : `   seed ${header.seed}`;
    const hold = playback.live && frame.waiting ? "   waiting for the generator" : "";
    const late = playback.behind > 0.05 ? `   ${playback.behind.toFixed(1)} s ago` : "";
    say(`${frame.time.toFixed(1)} s   ${pace.toFixed(0)} frames/s${seed}${late}${hold}`);
  }

  fitPeople(count) {
    if (count === this.people) return;
    this.people = count;
    at("people").textContent = String(count);
    at("fewer").disabled = count <= 1;
    at("more").disabled = count >= (this.prompting?.most_people ?? 1);
    const chosen = at("to").value;
    const rows = Array.from({ length: count }, (_, i) => [String(i + 1), count > 1 ? `person ${i + 1}` : "the body"]);
    fillSelect(at("to"), count > 1 ? [[EVERYBODY, "everybody"], ...rows] : rows, chosen);
  }

  addCameras() {
    Object.keys(CAMERAS).forEach((name, i) => {
      const made = button(name[0].toUpperCase() + name.slice(1), () => this.links.stage.choose(name), `key ${i + 1}`);
      made.dataset.camera = name;
      at("cameras").append(made);
    });
    const follow = button("Follow", () => this.follow(), "key F");
    follow.id = "follow";
    follow.setAttribute("aria-pressed", "true");
    at("cameras").append(follow);
  }

  follow() {
    const { stage } = this.links;
    stage.follow = !stage.follow;
    at("follow").setAttribute("aria-pressed", String(stage.follow));
  }

  addPlaying() {
    const { playback } = this.links;
    fillSelect(at("speed"), SPEEDS.map((speed) => [String(speed), `${speed}x`]), "1");
    at("pause").addEventListener("click", () => playback.setPlaying(!playback.playing));
    at("live").addEventListener("click", () => playback.goLive());
    at("speed").addEventListener("change", () => playback.setSpeed(Number(at("speed").value)));
    at("seek").addEventListener("input", () => playback.seek(Number(at("seek").value)));
    at("loop").addEventListener("click", () => this.loop());
    at("past").addEventListener("click", () => {
      at("past").setAttribute("aria-pressed", String(document.body.classList.toggle("past")));
    });
  }

  // Plays the last answer over and over, in this tab alone; again: goes on from there.
  loop(turn) {
    const { playback, rangeOf } = this.links;
    if (turn === undefined && playback.range !== null) return playback.loop(null);
    const range = rangeOf(turn) ?? { start: playback.oldest, end: Infinity };
    const { start, end } = range;
    if (end < playback.oldest + 2) return showNotice("this tab keeps three minutes, and that motion is older: ask again");
    if (Math.min(end, playback.newest) - start < 2) return showNotice("there is no motion to loop yet");
    return playback.loop({ start, end: Number.isFinite(end) ? end : playback.newest });
  }

  changeSpeed(step) {
    const { playback } = this.links, now = SPEEDS.indexOf(playback.speed);
    playback.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, now + step))]);
  }

  addAsking() {
    at("asking").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(at("ask").value);
    });
    at("stop").addEventListener("click", () => this.links.send({ stop: "all" }));
    at("fewer").addEventListener("click", () => this.links.send({ people: this.people - 1 }));
    at("more").addEventListener("click", () => this.links.send({ people: this.people + 1 }));
  }

  ask(prompt) {
    const text = prompt.trim(), seed = at("seed").value.trim(), levels = at("levels").value;
    if (text === "") return showNotice("write what the body should do, then Enter");
    if (seed !== "" && !/^\d+$/.test(seed)) return showNotice(`seed: expected a whole number, got ${seed}`);
    const person = at("to").value;
    this.links.send({
      ask: text, ...(person === EVERYBODY ? {} : { person: Number(person) }), ...(seed === "" ? {} : { seed }),
      ...(levels === "" ? {} : { levels: Number(levels) }),
    });
    this.asked = text;
    at("ask").value = "";
    if (!this.links.playback.live) this.links.playback.goLive();
    return undefined;
  }

  // Nobody should have to type a prompt twice.
  refused(line) {
    showNotice(line);
    if (at("ask").value === "") at("ask").value = this.asked;
  }

  // The thought that is being written, without new buttons under the mouse.
  showSaid({ turns, said }) {
    const writing = turns.find(({ state }) => state === "writing");
    const row = writing && at("turns").querySelector(`li[data-turn="${writing.id}"] .said`);
    if (row) row.textContent = said;
  }

  showTurns({ turns, said }) {
    this.asked = ""; // it has arrived
    if (this.prompting === null) return;
    at("turns").replaceChildren(...turns.map((turn) => this.turn(turn, said)).reverse());
    const waiting = turns.filter(({ state }) => state === "waiting").length;
    at("queue").textContent = waiting ? `${waiting} waiting` : "";
    at("examples").hidden = turns.length > 0;
    at("history").hidden = turns.length === 0;
  }

  turn(turn, said) {
    const row = document.createElement("li");
    row.dataset.turn = turn.id;
    row.dataset.state = turn.state;
    put(row, "ask", turn.prompt).title = turn.prompt; // a long one is cut
    const thought = turn.state === "writing" ? said : turn.said;
    if (thought || turn.state === "writing") put(row, "said", thought);
    if (turn.note) put(row, "note", turn.note);
    const facts = [this.people > 1 ? `person ${turn.person}` : "", turn.state, turn.seed === undefined ? "" : `seed ${turn.seed}`,
      turn.seconds ? `${turn.seconds.toFixed(1)} s` : "", turn.rtf ? `${turn.rtf}x real time` : ""];
    put(row, "facts", facts.filter(Boolean).join("  ·  "));
    const acts = put(row, "acts", "");
    if (turn.state === "waiting") acts.append(button("Cancel", () => this.links.send({ stop: turn.id })));
    if (turn.seed !== undefined) {
      const { prompt, person, seed, levels } = turn;
      const again = () => this.links.send({ ask: prompt, person, seed, ...(levels === undefined ? {} : { levels }) });
      acts.append(button("Again", again, "the same prompt and seed"));
    }
    if (turn.over && this.links.rangeOf(turn.id)) acts.append(button("Loop", () => this.loop(turn.id), "over and over, in this tab"));
    if (turn.kept) acts.append(...SUFFIXES.map((suffix) => download(turn.id, suffix)));
    return row;
  }

  addAvatar() {
    at("choose").addEventListener("click", () => at("file").click());
    at("undress").addEventListener("click", () => this.links.takeOff(this.wearer()));
    at("file").addEventListener("change", () => {
      if (at("file").files.length) this.wear(at("file").files[0]);
      at("file").value = "";
    });
    const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      at("drop").hidden = false;
    });
    addEventListener("dragleave", (event) => { if (event.relatedTarget === null) at("drop").hidden = true; });
    addEventListener("drop", (event) => {
      at("drop").hidden = true;
      if (!holdsFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer.files.length) this.wear(event.dataTransfer.files[0]);
    });
  }

  // Number of the person chosen beside "to"; null: everybody.
  wearer() {
    const person = at("to").value;
    return person === "" ? 0 : person === EVERYBODY ? null : Number(person) - 1;
  }

  async wear(file) {
    showNotice(`reading ${file.name}`, true);
    try {
      const facts = await this.links.setAvatar(file, this.wearer());
      showNotice(`avatar: ${facts}`, true);
    } catch (error) {
      showNotice(error.message);
    }
  }

  addPointer() {
    const { stage } = this.links, canvas = stage.renderer?.domElement, fingers = new Map();
    canvas?.addEventListener("pointermove", (event) => {
      if (event.buttons !== 1) return;
      const before = spread(fingers);
      fingers.set(event.pointerId, event);
      if (fingers.size === 1) stage.drag(event.movementX, event.movementY);
      else stage.zoom(PINCH * (before - spread(fingers)));
    });
    for (const kind of ["pointerdown", "pointerup", "pointercancel"]) {
      canvas?.addEventListener(kind, (event) => (kind === "pointerdown" ? fingers.set(event.pointerId, event) : fingers.delete(event.pointerId)));
    }
    canvas?.addEventListener("wheel", (event) => stage.zoom(event.deltaY), { passive: true });
  }

  key(event) {
    if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = this.acts()[event.key.toLowerCase()];
    if (act === undefined || (event.key === "Enter" && event.target.matches("button, a"))) return;
    if (event.key === " " && event.target.matches("button, a")) return;
    event.preventDefault();
    act();
  }

  acts() {
    const { playback, stage, send } = this.links, names = Object.keys(CAMERAS);
    return {
      ...Object.fromEntries(names.map((name, i) => [String(i + 1), () => stage.choose(name)])),
      " ": () => playback.setPlaying(!playback.playing), l: () => this.loop(), f: () => this.follow(),
      arrowup: () => this.changeSpeed(1), arrowdown: () => this.changeSpeed(-1),
      arrowleft: () => playback.seek(playback.position - 3), arrowright: () => playback.seek(playback.position + 3),
      end: () => playback.goLive(), backspace: () => this.prompting !== null && send({ stop: "all" }),
      enter: () => at("ask").focus(), "/": () => at("ask").focus(),
    };
  }
}

// Pixels between two fingers; 0 for less than two.
function spread(fingers) {
  const [a, b] = fingers.values();
  return b === undefined ? 0 : Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function download(turn, suffix) {
  const link = document.createElement("a");
  link.href = `clips/${turn}.${suffix}`;
  link.download = "";
  link.textContent = suffix.toUpperCase();
  link.title = `download this answer as .${suffix}`;
  return link;
}
