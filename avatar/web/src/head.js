// RapportHead: a persona's head (GLB) in a page, moved by face tracks on the clock of the sound.
//
//   const head = new RapportHead(element);
//   await head.load("harbor.glb");
//   head.play(track, () => audio.currentTime);
//
// Nothing is fetched but what `load` is given. See docs/rendering.md.

import { Euler, Mesh, PerspectiveCamera, PlaneGeometry, Quaternion, Scene, WebGLRenderer } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { CAMERA_M, dressed } from "./dress.js";
import { Idle } from "./idle.js";
import { Looks } from "./looks.js";
import { Timeline, WEIGHTS, emptyFrame, gazeOf, poseOf } from "./timeline.js";

const VIEW_HEIGHT_M = 0.33;
const VIEW_WIDTH_M = 0.25; // on a narrow canvas as much is seen at least
const EYE_LINE = 0.4;
const NEAR_M = 0.5;
const FAR_M = 1.5;
const BUST_FOLLOWS = 0.1;
const LIDS_AT_RAD = 0.45; // gaze at which the lids have followed all the way
const EASE_S = 0.35; // from the last frame back to idling, and from idling into the first
const HELD_S = 0.12; // a stream may be late by this much before the face lets go of it
const SLOW_MS = 30; // a frame; and what leaves room for more pixels
const QUICK_MS = 20;
const LEAST_RATIO = 0.6;
const REST_MS = 60; // between frames of a face at rest where the processor draws them: what answers may want it
const CALM = 0.25; // of the head's motion that is left when less motion is wished for

export { GLTFLoader };

export class RapportHead {
  #renderer;
  #scene = new Scene();
  #camera = new PerspectiveCamera();
  #looks;
  #timeline = new Timeline();
  #idle = new Idle([]);
  #shown = emptyFrame();
  #track = emptyFrame();
  #presence = 0;
  #clock = null;
  #root = null;
  #parts = null;
  #watch;
  #wish;
  #running = 0;
  #last = null;
  #spares;
  #drawnAt = -Infinity;
  #spent = [];
  #frames = 0;
  #moving = 0; // frames in a row that were not at rest
  #patience = 300;
  #best;
  #ratio;
  #disposed = false;

  // `parent` is the element that the head fills; options: background ("wall" or "none"), maxPixelRatio, random (a function
  // as Math.random, for idling that repeats).
  constructor(parent, { background = "wall", maxPixelRatio = 2, random = Math.random } = {}) {
    this.parent = parent;
    this.random = random;
    this.device = device();
    const onCpu = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(this.device);
    this.#renderer = new WebGLRenderer({
      antialias: !onCpu,
      alpha: background === "none",
      powerPreference: "high-performance",
    });
    this.#spares = onCpu;
    this.#looks = new Looks(!onCpu);
    this.canvas = this.#renderer.domElement;
    this.canvas.style.cssText = "display:block;width:100%;height:100%";
    parent.append(this.canvas);
    this.#camera.position.set(0, 0, CAMERA_M);
    if (background === "wall") {
      const wall = new Mesh(new PlaneGeometry(2, 2), this.#looks.wall());
      wall.frustumCulled = false;
      wall.renderOrder = 1; // where nothing else was drawn
      this.#scene.add(wall);
    }
    this.#best = this.#ratio = Math.min(globalThis.devicePixelRatio || 1, maxPixelRatio);
    this.#watch = new ResizeObserver(() => this.resize());
    this.#watch.observe(parent);
    this.#wish = globalThis.matchMedia("(prefers-reduced-motion: reduce)");
    this.resize();
  }

  // Whether the person asked for less motion: no idling, and a head that turns a quarter as far. The mouth still speaks.
  get reducedMotion() {
    return this.#wish.matches;
  }

  // Frames per second of the last second, and what one costs in milliseconds of the page's own time.
  get stats() {
    const spent = this.#spent;
    const span = spent.length > 1 ? spent.at(-1).at - spent[0].at : 0;
    return {
      fps: span ? (1000 * (spent.length - 1)) / span : 0,
      ms: spent.length ? spent.reduce((sum, { ms }) => sum + ms, 0) / spent.length : 0,
      pixelRatio: this.#ratio,
    };
  }

  // The face as it is drawn now: 52 weights, pose, gaze.
  get frame() {
    return { weights: this.#shown.slice(0, WEIGHTS), head_pose: poseOf(this.#shown).slice(), gaze: gazeOf(this.#shown).slice() };
  }

  // Show a person: the address of a GLB or its bytes. The one shown before stays until the new one is there.
  async load(source) {
    const bytes = typeof source === "string" ? await fetched(source) : source;
    const gltf = await new GLTFLoader().parseAsync(bytes, "");
    if (this.#disposed) return;
    const parts = dressed(gltf, this.#looks);
    if (this.#root) this.#discard(this.#root);
    this.#root = gltf.scene;
    this.#parts = parts;
    this.#scene.add(gltf.scene);
    this.#idle = new Idle([parts.index.eyeBlinkLeft, parts.index.eyeBlinkRight], this.random);
    this.#start();
  }

  // Play a track on a clock: a function that gives seconds, such as () => audio.currentTime.
  play(track, clock) {
    this.#timeline.clear();
    this.#clock = clock;
    this.push(track);
  }

  // Add a track, a frame { time_s, weights, head_pose, gaze } or several: what a stream brings.
  push(frames) {
    if (Array.isArray(frames)) for (const frame of frames) this.#timeline.addFrame(frame);
    else if ("time_s" in frames) this.#timeline.addFrame(frames);
    else this.#timeline.addTrack(frames);
  }

  // The clock of frames that are pushed. Without one, none is shown.
  set clock(clock) {
    this.#clock = clock;
  }

  // Forget all frames, as when the person interrupts: the face eases back to idling.
  stop() {
    this.#timeline.clear();
  }

  resize() {
    const width = Math.max(this.parent.clientWidth, 1);
    const height = Math.max(this.parent.clientHeight, 1);
    this.#renderer.setPixelRatio(this.#ratio);
    this.#renderer.setSize(width, height, false);
    const aspect = width / height;
    const seen = Math.max(VIEW_HEIGHT_M, VIEW_WIDTH_M / aspect);
    const scale = (2 * CAMERA_M) / seen;
    const depth = NEAR_M - FAR_M;
    this.#camera.projectionMatrix.set(
      scale / aspect, 0, 0, 0,
      0, scale, -(1 - 2 * EYE_LINE), 0,
      0, 0, (FAR_M + NEAR_M) / depth, (2 * FAR_M * NEAR_M) / depth,
      0, 0, -1, 0,
    );
    this.#camera.projectionMatrixInverse.copy(this.#camera.projectionMatrix).invert();
    // A texel of the grain is about a pixel.
    this.#looks.grainRepeats.value = (height * this.#ratio) / seen / 128;
    if (this.#root) this.#draw();
  }

  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    cancelAnimationFrame(this.#running);
    this.#watch.disconnect();
    if (this.#root) this.#discard(this.#root);
    this.#discard(this.#scene);
    this.#looks.dispose();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
    this.canvas.remove();
  }

  // Draw the face of a moment without waiting for the display: `time_s` is on the clock of the frames.
  drawAt(time_s) {
    const outside = this.#timeline.sample(time_s, this.#shown);
    if (outside === Infinity) this.#shown.fill(0);
    this.#pose();
    this.#draw();
  }

  #start() {
    cancelAnimationFrame(this.#running);
    this.#last = null;
    const step = (now) => {
      this.#running = requestAnimationFrame(step);
      const before = performance.now();
      this.#advance(now / 1000);
      const resting = this.#spares && this.#presence === 0;
      if (resting && now - this.#drawnAt < REST_MS) return;
      this.#drawnAt = now;
      this.#pose();
      this.#draw();
      this.#measured(now, performance.now() - before, resting);
    };
    this.#running = requestAnimationFrame(step);
  }

  // The face of now: the track's where it has frames, else an idle one, and a mixture on the way between them.
  #advance(now_s) {
    const passed = this.#last === null ? 0 : Math.min(now_s - this.#last, 0.1);
    this.#last = now_s;
    const time_s = this.#clock ? this.#clock() : NaN;
    const outside = Number.isFinite(time_s) ? this.#timeline.sample(time_s, this.#track) : Infinity;
    const step = passed / EASE_S;
    this.#presence = Math.min(Math.max(this.#presence + (outside <= HELD_S ? step * 3 : -step), 0), 1);
    const share = this.#presence * this.#presence * (3 - 2 * this.#presence);
    const idle = this.#idle.at(now_s, this.reducedMotion);
    const calm = this.reducedMotion ? CALM : 1;
    for (let i = 0; i < this.#shown.length; i++) {
      const moved = i >= WEIGHTS && i < WEIGHTS + 3 ? this.#track[i] * calm : this.#track[i];
      this.#shown[i] = idle[i] + (moved - idle[i]) * share;
    }
  }

  #pose() {
    if (!this.#parts) return;
    const { faces, index, bust, head, eyes, toBust, toHead } = this.#parts;
    const [pitch, yaw, roll] = poseOf(this.#shown);
    const [gazeYaw, gazePitch] = gazeOf(this.#shown);
    const weights = withLids(this.#shown, index, gazeYaw, gazePitch);
    for (const face of faces) face.set(weights);
    turned(bust.quaternion, BUST_FOLLOWS * pitch, BUST_FOLLOWS * yaw, BUST_FOLLOWS * roll);
    turned(head.quaternion, pitch, yaw, roll).premultiply(INVERSE.copy(bust.quaternion).invert());
    for (const eye of eyes) turned(eye.node.quaternion, -gazePitch, gazeYaw + eye.inwards, 0);
    bust.updateMatrixWorld(true);
    this.#looks.bust.value.multiplyMatrices(bust.matrixWorld, toBust);
    this.#looks.head.value.multiplyMatrices(head.matrixWorld, toHead);
    for (const { node, uniforms } of eyes) {
      uniforms.head.value.copy(node.matrixWorld);
      uniforms.centre.value.setFromMatrixPosition(node.matrixWorld);
      uniforms.look.value.set(0, 0, 1).transformDirection(node.matrixWorld);
    }
  }

  #draw() {
    this.#renderer.render(this.#scene, this.#camera);
  }

  #measured(now, ms, resting) {
    this.#spent.push({ at: now, ms });
    while (this.#spent[0].at < now - 1000) this.#spent.shift();
    this.#moving = resting ? 0 : this.#moving + 1;
    // On a machine that is too slow fewer pixels are drawn, and more again once it keeps up, the more hesitantly the more
    // often that failed. The first frames compile shaders and say nothing.
    if (++this.#frames < 40 || this.#moving < 40) return;
    const pause = (this.#spent.at(-1).at - this.#spent[0].at) / (this.#spent.length - 1);
    if (pause > SLOW_MS && this.#ratio > LEAST_RATIO) {
      this.#patience *= 2;
      this.#sharpen(Math.max(LEAST_RATIO, this.#ratio * 0.8));
    } else if (pause < QUICK_MS && this.#ratio < this.#best && this.#frames > this.#patience) {
      this.#sharpen(Math.min(this.#best, this.#ratio / 0.8));
    }
  }

  #sharpen(ratio) {
    this.#ratio = ratio;
    this.#spent.length = this.#frames = 0;
    this.resize();
  }

  #discard(node) {
    node.traverse(({ geometry, material }) => {
      geometry?.dispose();
      material?.uniforms?.map?.value?.dispose();
      material?.dispose();
    });
    node.removeFromParent();
  }
}

// What draws here, as the browser names it. Without WebGL 2 there is no head.
function device() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) throw new Error("the head needs WebGL 2, which this browser does not give; show the video instead");
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return name;
}

const INVERSE = new Quaternion();
const EULER = new Euler(0, 0, 0, "YXZ");
const LIDS = new Float32Array(WEIGHTS);

// As rapport.avatar.camera.rotation: pitch nods down, yaw turns to the face's left, roll tips to its left.
function turned(quaternion, pitch, yaw, roll) {
  return quaternion.setFromEuler(EULER.set(pitch, yaw, -roll));
}

// Lids follow the eyes: the eyeLook shapes are at least what the gaze implies.
function withLids(frame, index, yaw, pitch) {
  LIDS.set(frame.subarray(0, WEIGHTS));
  const left = yaw / LIDS_AT_RAD;
  const up = pitch / LIDS_AT_RAD;
  for (const [name, value] of [
    ["eyeLookUpLeft", up], ["eyeLookUpRight", up], ["eyeLookDownLeft", -up], ["eyeLookDownRight", -up],
    ["eyeLookOutLeft", left], ["eyeLookInRight", left], ["eyeLookInLeft", -left], ["eyeLookOutRight", -left],
  ]) {
    LIDS[index[name]] = Math.max(LIDS[index[name]], Math.min(value, 1));
  }
  return LIDS;
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the head cannot be loaded: ${address} answers ${answer.status}`);
  return answer.arrayBuffer();
}
