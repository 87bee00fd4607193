// What every shader of a frame shares: the camera, the pose, the person's colours, and the light.
//
// Colours are linear until `film`; the picture's encoding is gamma 2, which the eye cannot tell from sRGB.

struct Frame {
    view_projection: mat4x4f,
    key_projection: mat4x4f, // world to the key light's shadow map
    camera: vec4f,
    pivot: vec4f,           // where the head turns on the neck
    head: mat3x3f,          // rotation of the head
    bust: mat3x3f,          // the little of it that the shoulders follow
    eyes: array<vec4f, 2>,  // centre of the left and the right eye in the turned head, radius
    looks: array<vec4f, 2>, // where each looks, unit
    key: vec4f,             // towards the main light
    skin: vec4f,
    iris: vec4f,
    hair: vec4f,
    cloth: vec4f,
    window: vec4f,          // part of the atlas that the paint covers: u0, v0, 1 / width, 1 / height
    grain: vec4f,           // repeats of the grain texture over the atlas
};

const FILL = vec3f(0.80, 0.18, 0.57);
const RIM_LEFT = vec3f(-0.62, 0.38, -0.68);
const RIM_RIGHT = vec3f(0.70, 0.35, -0.62);
const KEY_COLOUR = vec3f(1.06, 0.98, 0.90);
const FILL_COLOUR = vec3f(0.25, 0.28, 0.33);
const RIM_COLOUR = vec3f(0.50, 0.54, 0.62);

// How much a point of the bust follows the head: 1 above the neck, 0 at its base, by its place at rest.
fn follow(rest: vec3f) -> f32 {
    return smoothstep(-1.85, -1.0, rest.y + 0.33 * (rest.z + 0.3));
}

fn turn(p: vec3f, weight: f32) -> vec3f {
    let arm = p - frame.pivot.xyz;
    return frame.pivot.xyz + mix(frame.bust * arm, frame.head * arm, weight);
}

// Sky from above, warm bounce from below.
fn ambient(n: vec3f) -> vec3f {
    return mix(vec3f(0.20, 0.165, 0.15), vec3f(0.37, 0.38, 0.41), n.y * 0.5 + 0.5);
}

// GGX specular of one light (Walter et al. 2007) with Kelemen & Szirmay-Kalos' visibility (2001) and Schlick's Fresnel (1994),
// in the form that Karis gave them for games (2013). nh, lh, nl are the cosines about normal, half vector and light.
fn lobe(nh: f32, lh: f32, nl: f32, roughness: f32) -> f32 {
    let a = roughness * roughness;
    let d = nh * nh * (a * a - 1.0) + 1.0;
    let grazing = 1.0 - lh;
    let fresnel = 0.030 + 0.970 * grazing * grazing * grazing * grazing * grazing;
    return a * a * fresnel * nl / (12.566 * d * d * lh * lh);
}

fn specular(n: vec3f, v: vec3f, l: vec3f, roughness: f32) -> f32 {
    let h = normalize(l + v);
    return lobe(max(dot(n, h), 0.0), max(dot(l, h), 0.1), max(dot(n, l), 0.0), roughness);
}

// Narkowicz's fit of the ACES film curve (2015), then gamma 2.
fn film(c: vec3f) -> vec3f {
    return sqrt(clamp(c * (2.51 * c + 0.03) / (c * (2.43 * c + 0.59) + 0.14), vec3f(0.0), vec3f(1.0)));
}
