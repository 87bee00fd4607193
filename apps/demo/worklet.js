// Runs where the browser makes sound: turns the microphone's samples, at whatever rate they come, into blocks of 512
// signed 16-bit samples at 16 kHz, which is what the agent listens to. The low-pass is a sinc in a Hann window.

const RATE_HZ = 16000;
const BLOCK_SAMPLES = 512;
const PHASES = 160; // places between two samples at which the filter is kept; exact for 44.1 and 48 kHz
const ZEROS = 12; // zero crossings of the sinc on either side
const PASSED = 0.92; // share of the band below the lower Nyquist frequency that is passed

class Blocks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE_HZ;
    const cut = PASSED * Math.min(1, 1 / this.step); // in cycles per two samples
    this.half = Math.ceil(ZEROS / cut);
    this.taps = Array.from({ length: PHASES }, (_, phase) => this.filter(cut, phase / PHASES));
    this.samples = new Float32Array(2 * this.half); // what the filter still needs
    this.at = this.half; // place of the next sample to make, among them
    this.block = new Int16Array(BLOCK_SAMPLES);
    this.filled = 0;
  }

  filter(cut, offset) {
    const taps = new Float32Array(2 * this.half);
    let sum = 0;
    for (let k = 0; k < taps.length; k++) {
      const x = k - this.half + 1 - offset;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * cut * x) / (Math.PI * cut * x);
      taps[k] = sinc * 0.5 * (1 + Math.cos((Math.PI * x) / this.half));
      sum += taps[k];
    }
    return taps.map((tap) => tap / sum);
  }

  process(inputs) {
    const heard = inputs[0][0];
    if (!heard) return true;
    const samples = new Float32Array(this.samples.length + heard.length);
    samples.set(this.samples);
    samples.set(heard, this.samples.length);
    while (Math.floor(this.at) + this.half + 1 < samples.length) {
      this.emit(this.sample(samples));
      this.at += this.step;
    }
    const done = Math.floor(this.at) - this.half;
    this.samples = samples.slice(done);
    this.at -= done;
    return true;
  }

  sample(samples) {
    const place = Math.round(this.at * PHASES);
    const first = Math.floor(place / PHASES) - this.half + 1;
    const taps = this.taps[place % PHASES];
    let sum = 0;
    for (let k = 0; k < taps.length; k++) sum += taps[k] * samples[first + k];
    return sum;
  }

  emit(sample) {
    this.block[this.filled++] = Math.round(32767 * Math.max(-1, Math.min(1, sample)));
    if (this.filled < BLOCK_SAMPLES) return;
    this.port.postMessage(this.block.buffer, [this.block.buffer]);
    this.block = new Int16Array(BLOCK_SAMPLES);
    this.filled = 0;
  }
}

registerProcessor("rapport-blocks", Blocks);
