// The head that this browser draws (avatar/web, three.js): it speaks with the clips of a reply on the clock of their
// sound, attends over the open line between replies, and idles by itself. Comes before player.js in the same component.

const LATE_S = 0.12; // frames over the line are shown this much after they came at the earliest
const FORGIVING = 0.02; // how fast the line's clock follows frames that come later than they did

class DrawnFace {
  constructor(stage) {
    this.stage = stage;
    this.place = stage.querySelector(".rp-head");
    this.source = null; // address of the head that is wanted
    this.shown = null; // address of the one that is drawn
    this.head = null;
    this.tracks = []; // of the current reply
    this.speaking = false; // whether the reply's sound has begun
    this.behind_s = null; // of the line's frames: the page's clock less theirs
  }

  // Draw the head of this address, or none. What there was stays until the new one is there.
  async show(source, script) {
    if (source === this.source) return;
    this.source = source;
    if (!source) return this.remove();
    try {
      const { RapportHead } = await import(new URL(script, document.baseURI));
      if (source !== this.source) return;
      this.head ??= new RapportHead(this.place, { maxPixelRatio: 1.5 });
      await this.head.load(new URL(source, document.baseURI).href);
      if (source !== this.source) return;
      this.shown = source;
      this.stage.dataset.drawn = "true";
    } catch (error) {
      if (source !== this.source) return;
      this.remove();
      this.stage.dispatchEvent(new CustomEvent("faceless", { detail: error.message }));
    }
  }

  remove() {
    this.head?.dispose();
    this.head = this.shown = null;
    delete this.stage.dataset.drawn;
  }

  // A new reply: nothing of it is there yet.
  begin() {
    this.tracks = [];
    this.speaking = false;
  }

  // What the face does during a clip of the reply.
  add(track) {
    this.tracks.push(track);
    if (this.speaking) this.head?.push(track);
  }

  // The reply is heard; `clock` tells where, and NaN while it is silent.
  speak(clock) {
    if (this.speaking || !this.head) return;
    this.speaking = true;
    this.head.stop();
    for (const track of this.tracks) this.head.push(track);
    this.head.clock = clock;
  }

  // Nothing more of the reply is heard: back to idling, or to what comes over the line.
  rest() {
    if (!this.speaking) return;
    this.speaking = false;
    this.behind_s = null;
    if (this.head) this.head.clock = () => NaN;
  }

  // The next frames of a face that listens, thinks or waits.
  attend(track) {
    if (this.speaking || !this.head) return;
    const end_s = track.start_s + track.weights.length / track.frame_rate_hz;
    const behind_s = performance.now() / 1000 - end_s;
    if (this.behind_s === null || Math.abs(behind_s - this.behind_s) > 1) {
      this.head.stop();
      this.head.clock = () => performance.now() / 1000 - this.behind_s - LATE_S;
      this.behind_s = behind_s;
    } else {
      this.behind_s = Math.min(behind_s, this.behind_s + FORGIVING * (behind_s - this.behind_s));
    }
    this.head.push(track);
  }
}

const face = new DrawnFace(element.querySelector(".rp-stage"));
