// Press once and talk: the microphone goes to the agent in blocks of 32 ms over a WebSocket, with how far the reply has
// been played; back come the words so far, and what the player must do at once when the person speaks over it. Follows
// player.js in the same gr.HTML component, which provides `element`, `props` and `trigger`.

const LABELS = { off: "Talk", opening: "Opening…", live: "End" };
const COMPLAINTS = {
  NotAllowedError: "The microphone is not allowed here. Allow it in the browser's address bar, then press Talk again.",
  NotFoundError: "No microphone was found. Connect one, then press Talk again.",
  NotReadableError: "The microphone is in use by another program. Close that, then press Talk again.",
};
const ANSWER_WITHIN_MS = 20_000;
const POSITION_EVERY_MS = 150;
const MOST_UNSENT_BYTES = 64_000; // two seconds of sound: on a network that is slower, what comes then is lost
const QUIET_DB = -60;
const MUTE_AFTER_MS = 10_000; // of nothing at all: a room is never that quiet, but a muted microphone is

class Talk {
  constructor(button, complaint, caption, player, worklet) {
    Object.assign(this, { button, complaint, caption, player, worklet });
    this.call = 0; // counts presses, so that what belongs to an earlier one is known
    this.line = null; // address of the socket
    this.mute = false; // whether the microphone gives nothing at all
    this.reply = 0;
    this.become("off");
    button.addEventListener("click", () => (this.state === "off" ? this.open() : this.hangUp()));
    player.stage.addEventListener("faceless", ({ detail }) => {
      this.complain(`The face cannot be drawn here (${detail}). Choose video under "The face".`);
    });
    player.onchange = () => this.report();
  }

  become(state) {
    this.state = state;
    this.player.live = state === "live";
    this.button.dataset.talk = state;
    this.button.ariaPressed = String(state !== "off");
    this.button.querySelector("span").textContent = LABELS[state];
  }

  async open() {
    const call = ++this.call;
    this.complain("");
    this.soundAt = performance.now();
    this.become("opening");
    try {
      if (!navigator.mediaDevices) throw new Error("insecure");
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
      if (call !== this.call) return stop(stream); // pressed again meanwhile
      this.stream = stream;
      stream.getTracks()[0].addEventListener("ended", () => this.fail(call, "The microphone is gone."));
      await this.record(stream);
    } catch (error) {
      const insecure = "A browser gives the microphone only to pages over https or from this machine (localhost).";
      const told = error.message === "insecure" ? insecure : COMPLAINTS[error.name];
      return this.fail(call, told || `The microphone cannot be used (${error.message}).`);
    }
    if (call !== this.call) return;
    setTimeout(() => {
      if (call === this.call && this.state === "opening") this.fail(call, "The page does not answer. Press Talk again.");
    }, ANSWER_WITHIN_MS);
    trigger("click"); // the server answers with a line
  }

  async record(stream) {
    this.context = new AudioContext({ latencyHint: "interactive" });
    const module = URL.createObjectURL(new Blob([this.worklet], { type: "text/javascript" }));
    await this.context.audioWorklet.addModule(module).finally(() => URL.revokeObjectURL(module));
    const blocks = new AudioWorkletNode(this.context, "rapport-blocks", {
      channelCount: 1,
      channelCountMode: "explicit",
    });
    blocks.port.onmessage = ({ data }) => this.stream === stream && this.send(data);
    this.context.createMediaStreamSource(stream).connect(blocks).connect(this.context.destination); // which stays silent
    await this.context.resume();
  }

  // What the server says: {reply, line, refused}; the rest is for the player.
  show({ reply, line, refused }) {
    if (reply !== this.reply) this.forget(); // what was said has become a turn
    this.reply = reply;
    if (this.state === "opening" && refused) return this.hangUp();
    if (!line || line === this.line || this.state !== "opening") return;
    this.line = line;
    const call = this.call;
    const address = new URL(line, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(address));
    socket.onopen = () => {
      this.become("live");
      this.reporting = setInterval(() => this.report(), POSITION_EVERY_MS);
    };
    socket.onmessage = ({ data }) => call === this.call && this.obey(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (code === 1000) this.fail(call, "");
      else this.fail(call, reason ? sentence(reason) : "The connection was lost. Press Talk again.");
    };
  }

  obey({ do: order, reply, stable, tentative, track }) {
    if (order === "hear") this.hear(stable, tentative);
    else if (order === "attend") this.player.face.attend(track);
    else if (order === "forget") this.forget();
    else this.player[order](reply);
  }

  // The words so far: those that stay, and those that may change.
  hear(stable, tentative) {
    const [sure, unsure] = this.caption.querySelectorAll("b, i");
    if (stable || tentative || this.caption.hidden) {
      sure.textContent = stable;
      unsure.textContent = tentative || (stable ? "" : "…");
    }
    this.caption.hidden = false;
    this.player.hear(true);
  }

  forget() {
    this.caption.hidden = true;
    this.player.hear(false);
  }

  send(buffer) {
    const loudness = level(new Int16Array(buffer));
    this.button.style.setProperty("--level", loudness.toFixed(2));
    this.watch(loudness > 0);
    const ready = this.socket && this.socket.readyState === WebSocket.OPEN;
    if (ready && this.socket.bufferedAmount < MOST_UNSENT_BYTES) this.socket.send(buffer);
  }

  // Tell of a microphone that gives nothing, until it does.
  watch(sounds) {
    const now = performance.now();
    if (sounds) this.soundAt = now;
    const mute = now - this.soundAt > MUTE_AFTER_MS;
    if (mute === this.mute) return;
    this.mute = mute;
    this.complain(mute ? "The microphone gives no sound. It may be muted." : "");
  }

  report() {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return;
    const position = JSON.stringify(this.player.position());
    if (position !== this.reported) this.socket.send(position);
    this.reported = position;
  }

  // It ended, for a reason that the person should know, or without one.
  fail(call, reason) {
    if (call !== this.call) return;
    this.hangUp();
    this.complain(reason);
  }

  hangUp() {
    this.call++;
    clearInterval(this.reporting);
    if (this.socket) this.socket.close();
    if (this.stream) stop(this.stream);
    if (this.context) this.context.close();
    this.socket = this.stream = this.context = this.reported = null;
    this.button.style.setProperty("--level", "0");
    if (this.mute) this.complain("");
    this.mute = false;
    this.forget();
    this.become("off");
  }

  complain(reason) {
    this.complaint.textContent = reason;
    this.complaint.hidden = !reason;
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

// Loudness from 0 (quiet) to 1 (full scale).
function level(samples) {
  const power = samples.reduce((sum, x) => sum + (x / 32768) ** 2, 0) / samples.length;
  return Math.max(0, Math.min(1, 1 - (10 * Math.log10(power + 1e-9)) / QUIET_DB));
}

function sentence(reason) {
  return `${reason[0].toUpperCase()}${reason.slice(1)}.`;
}

const talk = new Talk(
  element.querySelector(".rp-talk"),
  element.querySelector(".rp-complaint"),
  element.querySelector(".rp-hearing"),
  player,
  props.worklet,
);
player.talk = talk;
watch("value", () => props.value && talk.show(props.value));
