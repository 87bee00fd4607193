// The webcam, switched on by hand: small pictures go to the agent over a WebSocket, what the face shows comes back as
// bars and words. Nothing is recorded here or there. Follows talk.js in the same gr.HTML component.

const SEES = {
  NotAllowedError: "The camera is not allowed here. Allow it in the browser's address bar, then press Camera again.",
  NotFoundError: "No camera was found. Connect one, then press Camera again.",
  NotReadableError: "The camera is in use by another program. Close that, then press Camera again.",
};
const PICTURE_EVERY_MS = 250;
const PICTURE_WIDTH = 320;

class Camera {
  constructor(root, talk) {
    this.button = root.querySelector(".rp-camera");
    this.view = root.querySelector(".rp-mirror");
    this.reading = root.querySelector(".rp-reading-live");
    this.canvas = document.createElement("canvas");
    this.talk = talk;
    this.call = 0;
    this.address = null;
    this.button.addEventListener("click", () => (this.stream ? this.off() : this.on()));
  }

  async on() {
    const call = ++this.call;
    this.talk.complain("");
    try {
      if (!navigator.mediaDevices) throw new Error("A browser gives the camera only to pages over https or localhost");
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
      if (call !== this.call) return stop(stream);
      this.stream = stream;
      stream.getTracks()[0].addEventListener("ended", () => this.fail(call, "The camera is gone."));
    } catch (error) {
      return this.fail(call, SEES[error.name] || `The camera cannot be used (${error.message}).`);
    }
    this.view.srcObject = this.stream;
    this.view.hidden = this.reading.hidden = false;
    this.tell([], "Looking…");
    this.press(true);
    await this.view.play().catch(() => {});
    this.connect(call);
  }

  connect(call) {
    const address = new URL(this.address, document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(address));
    socket.onopen = () => (this.sending = setInterval(() => this.send(), PICTURE_EVERY_MS));
    socket.onmessage = ({ data }) => {
      const { bars, words } = JSON.parse(data);
      if (call === this.call) this.tell(bars, words);
    };
    socket.onclose = ({ reason }) => this.fail(call, sentence(reason || "the camera's connection was lost; press Camera again"));
  }

  send() {
    if (!this.view.videoWidth || this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > 200_000) return;
    this.canvas.width = PICTURE_WIDTH;
    this.canvas.height = Math.round((PICTURE_WIDTH * this.view.videoHeight) / this.view.videoWidth);
    this.canvas.getContext("2d").drawImage(this.view, 0, 0, this.canvas.width, this.canvas.height);
    const socket = this.socket;
    this.canvas.toBlob((blob) => blob && socket.readyState === WebSocket.OPEN && socket.send(blob), "image/jpeg", 0.8);
  }

  tell(bars, words) {
    const drawn = bars.map(([label, share]) => {
      const bar = document.createElement("span");
      bar.className = "rp-bar";
      bar.style.setProperty("--share", share);
      bar.textContent = `${label} ${Math.round(share * 100)}%`;
      return bar;
    });
    const told = document.createElement("small");
    told.textContent = words;
    this.reading.replaceChildren(...drawn, told);
  }

  press(pressed) {
    this.button.ariaPressed = String(pressed);
    this.button.querySelector("span").textContent = pressed ? "Camera off" : "Camera";
  }

  // Another conversation has another address.
  show({ camera }) {
    if (camera === this.address) return;
    if (this.address && this.stream) this.off();
    this.address = camera;
  }

  fail(call, reason) {
    if (call !== this.call) return;
    this.off();
    this.talk.complain(reason);
  }

  off() {
    this.call++;
    clearInterval(this.sending);
    if (this.socket) this.socket.close();
    if (this.stream) stop(this.stream);
    this.socket = this.stream = null;
    this.view.srcObject = null;
    this.view.hidden = this.reading.hidden = true;
    this.press(false);
  }
}

const camera = new Camera(element, talk);
player.camera = camera;
const see = () => props.value && camera.show(props.value);
see();
watch("value", see);

// Escape breaks in, wherever the focus is.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && player.heard() !== null) document.querySelector("#rapport-stop")?.click();
});
