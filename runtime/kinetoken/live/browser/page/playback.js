// The view of one tab on the motion that all share: it can stop, go slower, go back and loop. No page in here.

const KEPT_SECONDS = 180;
const LONGEST_STEP = 0.25; // seconds of motion between two frames; more, and another motion has begun

export class Playback {
  constructor(rate) {
    this.rate = rate; // frames per second of the stream
    this.frames = []; // in order, with gaps where the server left some out
    this.position = 0; // what is shown, in frames of motion at the stream's rate: a late server skips some, not time
    this.live = true; // shows the newest frame, whatever comes
    this.playing = true;
    this.speed = 1;
    this.range = null; // {start, end} of positions, played over and over
  }

  get oldest() { return this.frames.length ? this.frames[0].at : 0; }
  get newest() { return this.frames.length ? this.frames.at(-1).at : 0; }
  get behind() { return this.live ? 0 : (this.newest - this.position) / this.rate; } // seconds

  push(frame) {
    if (this.frames.length && frame.index <= this.frames.at(-1).index) this.reset(); // another stream has begun
    this.frames.push({ ...frame, at: this.place(frame) });
    if (this.frames.length > KEPT_SECONDS * this.rate) this.frames.splice(0, this.rate);
  }

  // As far from the last frame as its motion is; where that stands still or begins again, as its number is.
  place(frame) {
    if (this.frames.length === 0) return 0;
    const last = this.frames.at(-1), passed = frame.time - last.time;
    return last.at + (passed > 0 && passed < LONGEST_STEP ? passed * this.rate : frame.index - last.index);
  }

  reset() {
    this.frames = [];
    this.range = null;
    this.goLive();
  }

  goLive() {
    this.live = this.playing = true;
    this.range = null;
    if (this.speed < 1) this.speed = 1;
  }

  setPlaying(playing) {
    if (!playing && this.live) this.seek(this.newest);
    this.playing = playing;
  }

  setSpeed(speed) {
    this.speed = speed;
    if (speed < 1 && this.live) this.seek(this.newest);
  }

  seek(position) {
    this.live = false;
    this.position = Math.min(Math.max(position, this.oldest), this.newest);
  }

  // Plays these frames over and over; null goes on from there.
  loop(range) {
    this.range = range;
    if (range === null) return;
    this.seek(range.start);
    this.playing = true;
  }

  // The frame to show after this many seconds; null before the first has come.
  advance(seconds) {
    if (this.frames.length === 0) return null;
    if (this.live) {
      this.position = this.newest;
      return this.frames.at(-1);
    }
    if (this.playing) this.position += seconds * this.rate * this.speed;
    const end = Math.min(this.range?.end ?? Infinity, this.newest);
    if (this.range !== null && this.position >= end) this.position = Math.max(this.range.start, this.oldest);
    this.position = Math.max(this.position, this.oldest);
    if (this.position >= this.newest) {
      this.position = this.newest;
      this.live = this.playing && this.speed >= 1;
    }
    return this.at(this.position);
  }

  // The pose at a position between two that came.
  at(position) {
    let low = 0, high = this.frames.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.frames[middle].at <= position) low = middle; else high = middle - 1;
    }
    const before = this.frames[low], after = this.frames[Math.min(low + 1, this.frames.length - 1)];
    const share = (position - before.at) / (after.at - before.at || 1);
    if (share <= 0) return before;
    if (share >= 1 || after.others.length !== before.others.length) return after;
    return { ...before, time: before.time, ...between(before, after, share),
      others: before.others.map((other, i) => between(other, after.others[i], share)) };
  }
}

function between(a, b, share) {
  const mixed = (from, to) => from.map((value, i) => value + (to[i] - value) * share);
  const rotations = mixed(a.rotations, b.rotations);
  for (let i = 0; i < rotations.length; i += 4) {
    const dot = a.rotations[i] * b.rotations[i] + a.rotations[i + 1] * b.rotations[i + 1]
      + a.rotations[i + 2] * b.rotations[i + 2] + a.rotations[i + 3] * b.rotations[i + 3];
    const sign = dot < 0 ? -1 : 1; // the same turn, written with the other sign
    for (let k = i; k < i + 4; k += 1) rotations[k] = a.rotations[k] * (1 - share) + sign * b.rotations[k] * share;
    const length = Math.hypot(...rotations.subarray(i, i + 4)) || 1;
    for (let k = i; k < i + 4; k += 1) rotations[k] /= length;
  }
  return { joints: mixed(a.joints, b.joints), rotations, ...(a.robot === undefined ? {} : { robot: mixed(a.robot, b.robot) }) };
}
