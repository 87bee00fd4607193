// How skin, eyes, mouth, hair and cloth look: the shaders of the tier `standard` (avatar/shaders), with the light that is
// baked into the GLB as `_SHADING`. Colours are linear until `film`.

import { DoubleSide, FrontSide, Matrix4, ShaderMaterial, Vector3 } from "three";
import { EYE_FRAGMENT, EYE_FRAGMENT_PARTS } from "./eye.js";
import { HAIR_FRAGMENT, HAIR_PARTS, HAIR_VERTEX, HASH } from "./hair.js";
import { LIGHT, grainTexture, scatteringTexture } from "./light.js";
import { SKIN_FRAGMENT, SKIN_PARTS, SKIN_VERTEX } from "./skin.js";

// The head turns on the neck and the bust follows a little; `skinWeight` says how much of either a vertex does. Two matrices
// are all the joints there are, and cheaper than three's general ones. p and n are where the vertex comes to be in the world.
const VERTEX = /* glsl */ `
attribute vec4 _shading;
attribute vec4 skinWeight;
uniform mat4 bust;
uniform mat4 head;
varying vec3 vP;
varying vec3 vN;
varying vec4 vBaked;
${LIGHT}
PARTS
void main() {
  mat4 joint = skinWeight.x * bust + skinWeight.y * head;
  vec3 p = (joint * vec4(position, 1.0)).xyz;
  vec3 n = normalize(mat3(joint) * normal);
  vec3 v = normalize(cameraPosition - p);
  vP = p;
  vN = n;
  vBaked = _shading;
  gl_Position = projectionMatrix * viewMatrix * vec4(p, 1.0);
  MAIN
}
`;

const FRAGMENT = /* glsl */ `
varying vec3 vP;
varying vec3 vN;
varying vec4 vBaked;
uniform sampler2D map;
uniform vec3 colour;
${LIGHT}
PARTS
void main() {
  MAIN
}
`;

const fill = (frame, parts, main) => frame.replace("PARTS", () => parts).replace("MAIN", () => main);

function material({ vertexParts = "", vertex, fragmentParts = "", fragment, ...options }) {
  return new ShaderMaterial({
    vertexShader: fill(VERTEX, vertexParts, vertex),
    fragmentShader: fill(FRAGMENT, fragmentParts, fragment),
    side: DoubleSide,
    vertexColors: true,
    ...options,
  });
}

const MOUTH_PARTS = /* glsl */ `varying vec2 vUv; varying vec3 vLit; varying vec3 vShine;`;
const MOUTH_VERTEX = /* glsl */ `
  float reach = pow(_shading.x, 0.8);
  vUv = UV;
  vLit = (ambient(n) * 0.75 + KEY_COLOUR * max(dot(n, KEY) * 0.8 + 0.2, 0.0) * 0.5) * reach;
  vShine = KEY_COLOUR * (specular(n, v, KEY, 0.30) + 0.5 * specular(n, v, FILL, 0.35)) * reach;
`;

const BACKGROUND_FRAGMENT = /* glsl */ `
varying vec2 vAt;
void main() {
  vec2 a = vAt - vec2(-0.25, 0.22);
  vec2 b = vAt - vec2(0.95, -0.35);
  vec3 colour = vec3(0.40, 0.435, 0.475) + exp(-1.9 * dot(a, a)) * vec3(0.30, 0.285, 0.265) + exp(-3.2 * dot(b, b)) * vec3(0.055, 0.03, 0.0);
  // A smooth gradient shows its steps in 8 bits unless they are broken up (Jimenez 2014).
  float noise = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
  gl_FragColor = vec4(colour * (1.0 - 0.16 * dot(vAt, vAt)) + (noise - 0.5) / 255.0, 1.0);
}
`;

export class Looks {
  // With `detail` skin shines and has its grain at every pixel, as in the tier `standard`; without, it is lit at its
  // vertices, as in `draft`: for a processor that draws in place of a GPU.
  constructor(detail) {
    this.detail = detail;
    this.scatter = scatteringTexture();
    this.grain = grainTexture();
    this.grainRepeats = { value: 9 };
    this.bust = { value: new Matrix4() };
    this.head = { value: new Matrix4() };
  }

  // A wall out of focus behind the head.
  wall() {
    return new ShaderMaterial({
      vertexShader: "varying vec2 vAt; void main() { vAt = position.xy; gl_Position = vec4(position.xy, 1.0, 1.0); }",
      fragmentShader: BACKGROUND_FRAGMENT,
      depthWrite: false,
    });
  }

  // The material for a part of the GLB by the name of the one that it came with.
  of(part, unit) {
    const own = part.userData.colour;
    const defines = this.detail ? { DETAIL: "" } : {};
    const uniforms = {
      map: { value: part.map },
      colour: { value: own ? new Vector3(...own) : part.color },
      bust: this.bust,
      head: this.head,
    };
    switch (part.name) {
      case "skin":
        return material({
          side: FrontSide,
          defines,
          uniforms: {
            ...uniforms,
            unit: { value: unit },
            scatter: { value: this.scatter },
            grain: { value: this.grain },
            grainRepeats: this.grainRepeats,
          },
          vertexParts: `uniform float unit; uniform sampler2D scatter; ${SKIN_PARTS}
            vec3 scattered(float cosine, float curvature) {
              vec3 root = texture2D(scatter, vec2(cosine * 0.5 + 0.5, curvature)).rgb;
              return root * root;
            }`,
          vertex: SKIN_VERTEX,
          fragmentParts: `uniform sampler2D grain; uniform float grainRepeats; ${SKIN_PARTS}`,
          fragment: SKIN_FRAGMENT,
        });
      case "teeth":
        return material({
          uniforms,
          vertexParts: MOUTH_PARTS,
          vertex: MOUTH_VERTEX.replace("UV", "uv"),
          fragmentParts: MOUTH_PARTS,
          fragment: `float between = smoothstep(0.0, 0.10, 0.5 - abs(fract(vUv.x) - 0.5));
            gl_FragColor = vec4(film(texture2D(map, vUv).rgb * vLit + vShine * between), 1.0);`,
        });
      case "mouth":
        return material({
          uniforms,
          vertexParts: MOUTH_PARTS,
          vertex: MOUTH_VERTEX.replace("UV", "vec2(0.0)"),
          fragmentParts: MOUTH_PARTS,
          fragment: "gl_FragColor = vec4(film(vec3(0.34, 0.095, 0.09) * vLit * vLit + vShine * 0.5), 1.0);",
        });
      case "lashes":
        return material({
          uniforms,
          transparent: true,
          depthWrite: false,
          vertexParts: "varying float vOpacity;",
          vertex: "vOpacity = color.a;",
          fragmentParts: "varying float vOpacity;",
          fragment: "gl_FragColor = vec4(film(colour), vOpacity);",
        });
      case "tear":
        return material({
          uniforms,
          transparent: true,
          depthWrite: false,
          vertexParts: "varying float vMiddle;",
          vertex: "vMiddle = color.a / 0.3;",
          fragmentParts: "varying float vMiddle;",
          fragment: `vec3 n = normalize(vN + vec3(0.0, 0.5, 0.0));
            vec3 mirror = reflect(-normalize(cameraPosition - vP), n);
            float gleam = vMiddle * (0.16 + 0.5 * pow(max(dot(mirror, KEY), 0.0), 6.0));
            gl_FragColor = vec4(0.96, 0.93, 0.91, clamp(gleam, 0.0, 0.6));`,
        });
      case "cloth":
        return material({
          uniforms,
          vertexParts: "varying vec2 vUv; varying vec3 vLight;",
          vertex: `vUv = uv;
            float grazing = 1.0 - max(dot(n, v), 0.0);
            vLight = ambient(n) * _shading.x + KEY_COLOUR * max(dot(n, KEY) * 0.85 + 0.15, 0.0) * _shading.y;
            vLight += FILL_COLOUR * max(dot(n, FILL), 0.0) * _shading.x + RIM_COLOUR * grazing * grazing * grazing * 0.3;
            vLight *= color.rgb / (0.5 + 0.5 * _shading.x);`,
          fragmentParts: "varying vec2 vUv; varying vec3 vLight;",
          fragment: `vec4 drawn = texture2D(map, vUv);
            if (drawn.a < 0.5) discard;
            gl_FragColor = vec4(film(colour * vLight * drawn.r), 1.0);`,
        });
      case "hair":
        return material({
          defines,
          uniforms,
          vertexParts: `attribute vec3 strand; const float LOCKS = 32.0; ${HAIR_PARTS}`,
          vertex: HAIR_VERTEX,
          fragmentParts: HAIR_PARTS + HASH,
          fragment: HAIR_FRAGMENT,
        });
      case "eye":
        return material({
          uniforms: { ...uniforms, head: { value: new Matrix4() }, centre: { value: new Vector3() }, look: { value: new Vector3(0, 0, 1) } },
          side: FrontSide,
          vertex: "",
          fragmentParts: EYE_FRAGMENT_PARTS,
          fragment: EYE_FRAGMENT,
        });
      default:
        return null;
    }
  }

  dispose() {
    this.scatter.dispose();
    this.grain.dispose();
  }
}
