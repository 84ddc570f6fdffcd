// The stream as docs/live.md has it. No page in here: it runs in any JavaScript.

export const FORMAT = "kinetoken-live";
export const VERSION = 1;
const HEAD = 16; // bytes: index, flags, time
const WAITING = 1;
const LONGEST_SAID = 4000; // letters of a thought that are kept: a page may stay open for days

// The header, once it is one that this page can read; throws otherwise.
export function readHeader(text) {
  const header = JSON.parse(text);
  if (header.format !== FORMAT || header.version !== VERSION) {
    throw new Error(`expected ${FORMAT} version ${VERSION}, got ${header.format} version ${header.version}`);
  }
  const joints = header.joints.length;
  if (header.parents.length !== joints || header.frame_bytes !== HEAD + joints * 28 + robotBytes(header)) {
    throw new Error("the header does not fit its frames");
  }
  return header;
}

// A robot beside the body: the ends of its capsules, x, y, z each, behind the frame.
const robotBytes = (header) => (header.robot === undefined ? 0 : 24 * header.robot.radii.length);

// A binary frame: joints is x, y, z of each joint in metres; rotations x, y, z, w of each.
export function readFrame(buffer, header) {
  if (buffer.byteLength !== header.frame_bytes) {
    throw new Error(`expected ${header.frame_bytes} bytes, got ${buffer.byteLength}`);
  }
  const view = new DataView(buffer);
  const count = header.joints.length;
  const floats = (start, n) => Float32Array.from({ length: n }, (_, i) => view.getFloat32(start + 4 * i, true));
  return {
    index: view.getUint32(0, true),
    waiting: (view.getUint32(4, true) & WAITING) !== 0,
    time: view.getFloat64(8, true),
    joints: floats(HEAD, 3 * count),
    rotations: floats(HEAD + 12 * count, 4 * count),
    ...(header.robot === undefined ? {} : { robot: floats(HEAD + 28 * count, robotBytes(header) / 4) }),
  };
}

// What a message does to the state {header, frame, said, ended}; the new state. Another prompt takes the place of the
// header's, and of the seed there, and the thought begins again.
export function hear(state, data) {
  if (typeof data !== "string") return { ...state, frame: readFrame(data, state.header) };
  if (state.header === null) {
    const header = readHeader(data);
    return { ...state, header, said: header.said ?? "" };
  }
  const news = JSON.parse(data);
  if (news.prompt !== undefined) {
    const { prompt, seed } = news;
    return { ...state, header: { ...state.header, prompt, seed }, said: "" };
  }
  return { ...state, said: (state.said + (news.say ?? "")).slice(-LONGEST_SAID), ended: state.ended || news.end === true };
}

export const SILENT = Object.freeze({ header: null, frame: null, said: "", ended: false });
