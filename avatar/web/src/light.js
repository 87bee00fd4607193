// The light of our pictures as GLSL, and the two textures that skin needs. After avatar/shaders/frame.wgsl and skin.wgsl.

import { ClampToEdgeWrapping, DataTexture, LinearFilter, LinearMipmapLinearFilter, RGBAFormat, RepeatWrapping } from "three";

export const LIGHT = /* glsl */ `
const vec3 KEY = vec3(-0.420568, 0.550744, 0.720974);
const vec3 FILL = vec3(0.80, 0.18, 0.57);
const vec3 RIM_LEFT = vec3(-0.62, 0.38, -0.68);
const vec3 RIM_RIGHT = vec3(0.70, 0.35, -0.62);
const vec3 KEY_COLOUR = vec3(1.06, 0.98, 0.90);
const vec3 FILL_COLOUR = vec3(0.25, 0.28, 0.33);
const vec3 RIM_COLOUR = vec3(0.50, 0.54, 0.62);

// Sky from above, warm bounce from below: the whole environment, so that no picture of one is needed.
vec3 ambient(vec3 n) {
  return mix(vec3(0.20, 0.165, 0.15), vec3(0.37, 0.38, 0.41), n.y * 0.5 + 0.5);
}

// GGX (Walter et al. 2007), Kelemen & Szirmay-Kalos' visibility (2001), Schlick's Fresnel (1994).
float lobe(float nh, float lh, float nl, float roughness) {
  float a = roughness * roughness;
  float d = nh * nh * (a * a - 1.0) + 1.0;
  float grazing = 1.0 - lh;
  float fresnel = 0.030 + 0.970 * grazing * grazing * grazing * grazing * grazing;
  return a * a * fresnel * nl / (12.566 * d * d * lh * lh);
}

float specular(vec3 n, vec3 v, vec3 l, float roughness) {
  vec3 h = normalize(l + v);
  return lobe(max(dot(n, h), 0.0), max(dot(l, h), 0.1), max(dot(n, l), 0.0), roughness);
}

// Narkowicz's fit of the ACES film curve (2015), then gamma 2.
vec3 film(vec3 c) {
  return sqrt(clamp(c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14), 0.0, 1.0));
}
`;

const VARIANCES_MM2 = [0.0064, 0.0484, 0.187, 0.567, 1.99, 7.41];
const PROFILE = [
  [0.233, 0.1, 0.118, 0.113, 0.358, 0.078],
  [0.455, 0.336, 0.198, 0.007, 0.004, 0],
  [0.649, 0.344, 0, 0.007, 0, 0],
]; // d'Eon & Luebke 2007
const GREATEST_CURVATURE = 0.25;

// Square root of the diffuse light on a ball by the light's cosine (across) and by curvature (Penner 2011).
export function scatteringTexture(cosines = 64, curvatures = 16, steps = 360) {
  const bytes = new Uint8Array(curvatures * cosines * 4);
  const angles = Array.from({ length: steps + 1 }, (_, i) => -Math.PI + (2 * Math.PI * i) / steps);
  for (let row = 0; row < curvatures; row++) {
    const curvature = Math.max((GREATEST_CURVATURE * row) / (curvatures - 1), 1e-3);
    PROFILE.forEach((weights, channel) => {
      const near = angles.map((x) => {
        const chord = (2 * Math.sin(Math.abs(x) / 2)) / curvature;
        return weights.reduce((sum, w, k) => sum + (w * Math.exp((-chord * chord) / (2 * VARIANCES_MM2[k]))) / Math.sqrt(VARIANCES_MM2[k]), 0);
      });
      const total = near.reduce((sum, x) => sum + x, 0);
      for (let column = 0; column < cosines; column++) {
        const theta = Math.acos(-1 + (2 * column) / (cosines - 1));
        let light = 0;
        for (let i = 0; i <= steps; i++) light += near[i] * Math.max(Math.cos(theta + angles[i]), 0);
        bytes[4 * (row * cosines + column) + channel] = Math.round(255 * Math.sqrt(light / total));
      }
    });
  }
  return smooth(new DataTexture(bytes, cosines, curvatures, RGBAFormat), ClampToEdgeWrapping, LinearFilter);
}

// Relief of skin that repeats: slope across and up (128 is flat), pores, mottling (128 is even).
export function grainTexture(n = 128) {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 16777216 - 0.5;
  };
  const wrap = (i) => (i + n) % n;
  // A band of noise: what a small blur leaves less what a large one leaves.
  const blurred = (field, radius) => {
    for (const step of [1, n]) {
      const out = new Float32Array(n * n);
      for (let y = 0; y < n; y++) {
        for (let x = 0; x < n; x++) {
          let sum = 0;
          for (let k = -radius; k <= radius; k++) sum += step === 1 ? field[y * n + wrap(x + k)] : field[wrap(y + k) * n + x];
          out[y * n + x] = sum / (2 * radius + 1);
        }
      }
      field = out;
    }
    return field;
  };
  const band = (small, large) => {
    const white = Float32Array.from({ length: n * n }, random);
    const fine = small ? blurred(white, small) : white;
    const broad = blurred(white, large);
    const field = fine.map((x, i) => x - broad[i]);
    const deviation = Math.sqrt(field.reduce((sum, x) => sum + x * x, 0) / field.length);
    return field.map((x) => x / deviation);
  };
  const bumps = band(1, 3);
  const wide = band(2, 8);
  const mottling = band(5, 20);
  const pores = bumps.map((x) => Math.min(Math.max(-x - 1.1, 0), 1.4) / 1.4);
  const relief = bumps.map((x, i) => 0.55 * x + 0.35 * wide[i] - 0.8 * pores[i]);
  const bytes = new Uint8Array(4 * n * n);
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const i = y * n + x;
      const across = (relief[y * n + wrap(x - 1)] - relief[y * n + wrap(x + 1)]) / 2;
      const up = (relief[wrap(y - 1) * n + x] - relief[wrap(y + 1) * n + x]) / 2;
      const layers = [0.5 + 0.1 * across, 0.5 + 0.1 * up, pores[i], 0.5 + 0.16 * mottling[i]];
      layers.forEach((value, k) => (bytes[4 * i + k] = Math.round(255 * Math.min(Math.max(value, 0), 1))));
    }
  }
  const texture = smooth(new DataTexture(bytes, n, n, RGBAFormat), RepeatWrapping, LinearMipmapLinearFilter);
  texture.generateMipmaps = true;
  return texture;
}

function smooth(texture, wrapping, filter) {
  texture.wrapS = texture.wrapT = wrapping;
  texture.minFilter = filter;
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}
