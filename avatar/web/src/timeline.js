// Frames of a face with their times on the audio's clock, and the face between two of them.

export const WEIGHTS = 52;
const POSE = 3;
const GAZE = 2;
const WIDTH = WEIGHTS + POSE + GAZE;
// A longer gap than this is no dropped frame: the face is held, not moved slowly across it.
const LONGEST_GAP_S = 0.3;
const KEPT_S = 60;

export class Timeline {
  constructor() {
    this.times = [];
    this.frames = [];
  }

  get end() {
    return this.times.length ? this.times.at(-1) : -Infinity;
  }

  clear() {
    this.times.length = this.frames.length = 0;
  }

  // A track as rapport.avatar.track_file writes it. Frames that begin before others end replace them.
  addTrack({ frame_rate_hz, start_s = 0, weights, head_pose, gaze }) {
    if (!(frame_rate_hz > 0)) throw new TypeError(`frame_rate_hz must be positive, got ${frame_rate_hz}`);
    const count = weights.length;
    if (head_pose?.length !== count || gaze?.length !== count) {
      throw new TypeError(`weights, head_pose and gaze must have one row a frame, got ${count}, ${head_pose?.length}, ${gaze?.length}`);
    }
    const packed = weights.map((row, i) => packFrame(row, head_pose[i], gaze[i]));
    this.#cut(start_s - 1e-6);
    packed.forEach((frame, i) => {
      this.times.push(start_s + i / frame_rate_hz);
      this.frames.push(frame);
    });
  }

  addFrame({ time_s, weights, head_pose, gaze }) {
    if (!Number.isFinite(time_s)) throw new TypeError(`a frame needs time_s, got ${time_s}`);
    const frame = packFrame(weights, head_pose, gaze);
    this.#cut(time_s - 1e-6);
    this.times.push(time_s);
    this.frames.push(frame);
  }

  // Write the face at a time into `out`; returns how many seconds the time lies outside of the frames (0 within).
  sample(time_s, out) {
    const { times, frames } = this;
    if (!times.length) return Infinity;
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time_s) low = middle + 1;
      else high = middle;
    }
    const before = Math.max(low - 1, 0);
    const after = Math.min(low, times.length - 1);
    const gap = times[after] - times[before];
    const share = gap > 0 && gap <= LONGEST_GAP_S ? (time_s - times[before]) / gap : 0;
    const a = frames[before];
    const b = frames[after];
    for (let i = 0; i < WIDTH; i++) out[i] = a[i] + (b[i] - a[i]) * share;
    this.#forget(time_s - KEPT_S);
    return Math.max(times[0] - time_s, time_s - times.at(-1), 0);
  }

  #cut(time_s) {
    let count = this.times.length;
    while (count && this.times[count - 1] >= time_s) count--;
    this.times.length = this.frames.length = count;
  }

  #forget(time_s) {
    // Rarely, and many at once: removing from the front costs as much as is left.
    if (this.times[256] === undefined || this.times[256] > time_s) return;
    this.times.splice(0, 256);
    this.frames.splice(0, 256);
  }
}

export function emptyFrame() {
  return new Float32Array(WIDTH);
}

export const poseOf = (frame) => frame.subarray(WEIGHTS, WEIGHTS + POSE);
export const gazeOf = (frame) => frame.subarray(WEIGHTS + POSE);

function packFrame(weights, pose, gaze) {
  const frame = emptyFrame();
  for (const [name, row, at, width] of [
    ["weights", weights, 0, WEIGHTS],
    ["head_pose", pose, WEIGHTS, POSE],
    ["gaze", gaze, WEIGHTS + POSE, GAZE],
  ]) {
    if (row?.length !== width) throw new TypeError(`${name} of a frame must have ${width} numbers, got ${row?.length}`);
    for (let i = 0; i < width; i++) {
      if (!Number.isFinite(row[i])) throw new TypeError(`${name} of a frame holds ${row[i]}`);
      frame[at + i] = at === 0 ? Math.min(Math.max(row[i], 0), 1) : row[i];
    }
  }
  return frame;
}
