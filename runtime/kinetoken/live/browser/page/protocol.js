// The stream as docs/live.md has it. No page in here: it runs in any JavaScript.

export const FORMAT = "kinetoken-live";
export const VERSION = 1;
const HEAD = 16; // bytes: index, flags, time
const WAITING = 1;
const LONGEST_SAID = 4000; // letters of a thought that are kept: a page may stay open for days
const MOST_TURNS = 100; // of the history

// The header, once it is one that this page can read; throws otherwise.
export function readHeader(text) {
  const header = JSON.parse(text);
  if (header.format !== FORMAT || header.version !== VERSION) {
    throw new Error(`expected ${FORMAT} version ${VERSION}, got ${header.format} version ${header.version}`);
  }
  const joints = header.joints.length;
  if (header.parents.length !== joints || header.frame_bytes !== HEAD + bodyBytes(header) + robotBytes(header)) {
    throw new Error("the header does not fit its frames");
  }
  return header;
}

const bodyBytes = (header) => 28 * header.joints.length; // positions and quaternions of one person
// A robot beside the body: the ends of its capsules, x, y, z each, behind the first person.
const robotBytes = (header) => (header.robot === undefined ? 0 : 24 * header.robot.radii.length);

// A binary frame: joints is x, y, z of each joint in metres; rotations x, y, z, w of each. Both are the first person's;
// `others` has those of everybody else.
export function readFrame(buffer, header) {
  const others = (buffer.byteLength - header.frame_bytes) / bodyBytes(header);
  if (!Number.isInteger(others) || others < 0) {
    throw new Error(`expected ${header.frame_bytes} bytes, got ${buffer.byteLength}`);
  }
  const view = new DataView(buffer);
  const count = header.joints.length;
  const floats = (start, n) => Float32Array.from({ length: n }, (_, i) => view.getFloat32(start + 4 * i, true));
  const person = (start) => ({ joints: floats(start, 3 * count), rotations: floats(start + 12 * count, 4 * count) });
  return {
    index: view.getUint32(0, true),
    waiting: (view.getUint32(4, true) & WAITING) !== 0,
    time: view.getFloat64(8, true),
    ...person(HEAD),
    others: Array.from({ length: others }, (_, i) => person(header.frame_bytes + i * bodyBytes(header))),
    ...(header.robot === undefined ? {} : { robot: floats(HEAD + bodyBytes(header), robotBytes(header) / 4) }),
  };
}

// What a message does to the state {header, frame, said, ended, turns, refused}; the new state. Another prompt takes the
// place of the header's, and of the seed there, and the thought begins again. `refused` is of the last message alone.
export function hear(state, data) {
  if (typeof data !== "string") return { ...state, frame: readFrame(data, state.header), refused: null };
  if (state.header === null) {
    const header = readHeader(data);
    return { ...state, header, said: header.said ?? "", turns: header.history ?? [] };
  }
  const news = JSON.parse(data), next = { ...state, refused: news.refused ?? null };
  if (news.prompt !== undefined) {
    const { prompt, seed } = news;
    next.header = { ...state.header, prompt, seed };
    next.said = "";
  }
  if (news.people !== undefined) next.header = { ...next.header, people: news.people };
  if (news.turn !== undefined) next.turns = withTurn(state.turns, news.turn);
  if (news.say !== undefined) next.said = (state.said + news.say).slice(-LONGEST_SAID);
  next.ended = state.ended || news.end === true;
  return next;
}

// Turns with one of them new or changed, in the order of their numbers.
function withTurn(turns, turn) {
  const rest = turns.filter(({ id }) => id !== turn.id);
  return [...rest, turn].sort((a, b) => a.id - b.id).slice(-MOST_TURNS);
}

export const SILENT = Object.freeze({ header: null, frame: null, said: "", ended: false, turns: [], refused: null });
