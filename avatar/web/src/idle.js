// What a face does when nobody moves it: it blinks, breathes, sways a little and shifts its gaze.

import { emptyFrame, gazeOf, poseOf } from "./timeline.js";

const BLINK_S = 0.22;

export class Idle {
  constructor(blinkIndices, random = Math.random) {
    this.blinkIndices = blinkIndices;
    this.random = random;
    this.frame = emptyFrame();
    this.blinkAt = 1 + random();
    this.gazeAt = 0;
    this.gaze = [0, 0];
  }

  // The face at a time in seconds; times only grow. `still` leaves the blinks alone.
  at(time_s, still) {
    const { frame } = this;
    frame.fill(0);
    const shut = this.#lids(time_s);
    for (const i of this.blinkIndices) frame[i] = shut;
    if (still) return frame;
    const pose = poseOf(frame);
    // Slow waves whose periods do not repeat together; the slowest is the breath.
    pose[0] = 0.010 * Math.sin(time_s * 1.4) + 0.008 * Math.sin(time_s * 0.43);
    pose[1] = 0.020 * Math.sin(time_s * 0.37) + 0.009 * Math.sin(time_s * 0.91 + 1);
    pose[2] = 0.012 * Math.sin(time_s * 0.29 + 2);
    if (time_s > this.gazeAt) {
      this.gazeAt = time_s + 0.8 + 2.2 * this.random();
      this.gaze = [0.05 * (this.random() - 0.5), 0.035 * (this.random() - 0.5)];
    }
    // Eyes stay on the viewer while the head moves.
    gazeOf(frame).set([this.gaze[0] - pose[1], this.gaze[1] + pose[0]]);
    return frame;
  }

  #lids(time_s) {
    const since = time_s - this.blinkAt;
    if (since < 0) return 0;
    if (since > BLINK_S) {
      // People at rest blink some fifteen times a minute, now and then twice.
      this.blinkAt = time_s + (this.random() < 0.12 ? 0.15 : 2 + 4.5 * this.random());
      return 0;
    }
    const closing = since / (0.35 * BLINK_S);
    const opening = (BLINK_S - since) / (0.65 * BLINK_S);
    const share = Math.min(closing, opening, 1);
    return share * share * (3 - 2 * share);
  }
}
