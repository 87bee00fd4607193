// Plays a reply clause by clause without a gap: two stacked video elements take turns, the hidden one already holding
// the next clip. Clips without pictures are sound alone, to which a head is drawn (face.js) where the page has one;
// between replies it idles, or a silent loop of the head at rest shows through. Words are shown as they are spoken.
// Follows face.js in a gr.HTML component, which provides `element`, `props` and `watch`.

const STATES = {
  waking: "Waking up…",
  ready: "Ready",
  listening: "Listening…",
  hearing: "Hearing you…",
  thinking: "Thinking…",
  voicing: "Finding its voice…",
  speaking: "Speaking",
};

class Player {
  constructor(stage, face) {
    this.stage = stage;
    this.face = face;
    this.caption = stage.querySelector(".rp-caption");
    this.idle = stage.querySelector(".rp-idle");
    this.videos = [...stage.querySelectorAll(".rp-clip")];
    this.unmute = stage.querySelector(".rp-unmute");
    this.phase = "waking";
    this.stopped = null; // number of a reply that the person broke into: nothing more of it is played
    this.held = null; // number of a reply that waits because somebody speaks
    this.live = false; // whether the microphone is open
    this.hearing = false; // whether somebody speaks into it
    this.onchange = null;
    this.begin(0);
    for (const video of this.videos) {
      video.addEventListener("playing", () => this.reveal(video));
      video.addEventListener("ended", () => this.finish(video));
      video.addEventListener("error", () => video.dataset.clip && this.finish(video));
    }
    this.unmute.addEventListener("click", () => this.play());
    const follow = () => {
      requestAnimationFrame(follow);
      this.captionNow();
    };
    requestAnimationFrame(follow);
  }

  // What the server says: {reply, phase, complete, idle, head, script,
  // clips: [{url, type, start_s, duration_s, words: [[text, start_s]], track}]}.
  show(value) {
    if (!value) return;
    this.face.show(value.head, value.script);
    if (value.idle && this.idle.dataset.url !== value.idle) {
      this.idle.dataset.url = this.idle.src = value.idle;
      this.idle.play().catch(() => {});
    } else if (!value.idle && this.idle.dataset.url) {
      delete this.idle.dataset.url;
      this.idle.removeAttribute("src");
      this.idle.load();
    }
    if (value.reply !== this.reply) this.begin(value.reply);
    this.phase = value.phase;
    this.complete = value.complete;
    if (this.stopped !== this.reply) {
      for (const clip of value.clips.slice(this.clips.length)) {
        this.clips.push({ ...clip, source: fetchClip(clip.url), face: clip.track && fetchTrack(clip.track) });
      }
      this.prepare();
    }
    this.describe();
  }

  begin(reply) {
    for (const video of this.videos) this.clear(video);
    (this.clips || []).forEach(release);
    this.face.rest();
    this.face.begin();
    this.reply = reply;
    this.clips = [];
    this.loaded = 0; // clips that were given to a video element
    this.current = null; // the video element that plays, or is about to
    this.sounding = false; // whether it does
    this.waiting = null; // the other one, once it holds the next clip
    this.played_s = 0; // end of the last clip that was played through
    this.complete = true;
    this.unmute.hidden = true;
  }

  // Give the next clip to whichever element is free.
  async prepare() {
    if (this.loaded >= this.clips.length || this.waiting) return;
    const number = this.loaded++;
    const reply = this.reply;
    const clip = this.clips[number];
    const video = this.videos.find((each) => each !== this.current && !each.dataset.clip) || this.videos[number % 2];
    video.dataset.clip = number;
    if (this.current) this.waiting = video;
    else this.current = video;
    const [source, track] = await Promise.all([clip.source, clip.face]);
    if (reply !== this.reply || this.stopped === reply) return;
    if (track) this.face.add(track);
    if (!source) return this.finish(video);
    video.src = source;
    video.load();
    if (this.current === video) this.play();
    this.prepare();
  }

  play() {
    const video = this.current;
    if (!video || !video.src || this.held === this.reply) return;
    this.unmute.hidden = true;
    video.play().catch((error) => {
      if (error.name === "NotAllowedError") this.unmute.hidden = false;
    });
    this.describe();
  }

  reveal(video) {
    if (video !== this.current) return;
    const pictures = Boolean(this.clips[video.dataset.clip]?.type.startsWith("video"));
    for (const each of this.videos) each.classList.toggle("showing", each === video && pictures);
    this.sounding = true;
    if (!pictures) this.face.speak(() => this.spoken());
    this.describe();
  }

  finish(video) {
    const clip = this.clips[video.dataset.clip];
    if (clip) this.played_s = clip.start_s + clip.duration_s;
    if (video === this.waiting) this.waiting = null;
    if (video === this.current) {
      this.current = this.waiting;
      this.waiting = null;
      if (this.current) this.play();
      else {
        this.sounding = false;
        video.classList.remove("showing");
        if (this.complete && this.loaded >= this.clips.length) this.face.rest();
      }
    }
    delete video.dataset.clip; // its last picture stays until the next one plays
    this.prepare();
    this.describe();
  }

  clear(video) {
    video.pause();
    video.classList.remove("showing");
    delete video.dataset.clip;
    video.removeAttribute("src");
    video.load();
  }

  // Where in the reply the sound is; NaN while it is silent.
  spoken() {
    return this.sounding && this.current && !this.current.paused ? this.position().heard_s : NaN;
  }

  // The words around the one that is spoken.
  captionNow() {
    const spoken_s = this.spoken();
    const clip = this.current && this.clips[this.current.dataset.clip];
    const words = Number.isNaN(spoken_s) || !clip ? [] : clip.words;
    const now = words.findLastIndex(([, start_s]) => clip.start_s + start_s <= spoken_s);
    const key = words.length ? `${this.reply} ${this.current.dataset.clip} ${now}` : "";
    if (key === this.caption.dataset.at) return;
    this.caption.dataset.at = key;
    const [said, saying, coming] = this.caption.querySelectorAll("i, b, u");
    const text = (from, to) => words.slice(from, to).map(([word]) => word).join(" ");
    said.textContent = text(0, Math.max(now, 0));
    saying.textContent = text(Math.max(now, 0), now + 1);
    coming.textContent = text(now + 1);
    this.caption.hidden = !key;
  }

  // Seconds of the reply that were heard by now, and up to where it plays on by itself.
  position() {
    const reply = this.reply;
    const clip = this.current && this.clips[this.current.dataset.clip];
    if (!clip) return { reply, heard_s: this.played_s, until_s: this.played_s };
    const end_s = clip.start_s + clip.duration_s;
    const heard_s = Math.min(clip.start_s + (this.current.currentTime || 0), end_s);
    const plays = this.sounding && !this.current.paused;
    return { reply, heard_s, until_s: plays ? end_s : heard_s };
  }

  // Seconds of the reply that were heard, or null when nothing is playing or still to come.
  heard() {
    const over = !this.current && this.complete && this.loaded >= this.clips.length;
    return over || this.stopped === this.reply ? null : this.position().heard_s;
  }

  // Somebody speaks: silence at once, but the reply may go on.
  hold(reply) {
    this.held = reply;
    if (reply === this.reply && this.current) this.current.pause();
    this.describe();
  }

  // It was nothing, the reply goes on.
  resume(reply) {
    if (reply === this.held) this.held = null;
    if (reply === this.reply) this.play();
    this.describe();
  }

  // It was an interruption: nothing more of the reply is played.
  stop(reply) {
    if (reply === this.reply) this.interrupt();
    this.stopped = reply;
  }

  // Somebody speaks into the microphone, or has stopped.
  hear(somebody) {
    this.hearing = somebody;
    this.describe();
  }

  // The person breaks in: silence at once; returns how much was heard.
  interrupt() {
    const heard_s = this.heard();
    this.stopped = this.reply;
    for (const video of this.videos) this.clear(video);
    this.current = this.waiting = null;
    this.sounding = false;
    this.face.rest();
    this.unmute.hidden = true;
    this.describe();
    return heard_s;
  }

  describe() {
    let state = this.phase;
    const held = this.held === this.reply;
    if (this.hearing && (held || !this.current)) state = "hearing";
    else if (this.current && !held) state = this.sounding ? "speaking" : "voicing";
    else if (state === "speaking") state = this.stopped !== this.reply ? "voicing" : this.live ? "listening" : "ready";
    this.stage.dataset.state = state;
    this.stage.querySelector(".rp-state").textContent = STATES[state] || "";
    if (this.onchange) this.onchange();
  }
}

// A clip as an object URL, or null when the server has dropped it.
async function fetchClip(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
  } catch {
    return null;
  }
}

// What the face does during a clip, or null when the server has dropped it.
async function fetchTrack(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function release(clip) {
  clip.source.then((url) => url && URL.revokeObjectURL(url));
}

const player = new Player(element.querySelector(".rp-stage"), face);
window.rapport = player;
player.show(props.value);
watch("value", () => player.show(props.value));
