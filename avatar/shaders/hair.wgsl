// Hair: locks with strands drawn on them, lit along the strand: Kajiya & Kay's diffuse (1989) and the two highlights that
// Marschner et al. (2003) found, the first white and towards the root, the second in the hair's colour and towards the tip.
//
// Vertex: position at rest float32x3, normal snorm8x4, tangent from root to tip snorm8x4, uv float32x2, shading unorm8x4.
// uv.x is the lock's number and the place across it, uv.y the place from root 0 to tip 1. shading: sky seen, key light
// seen, the lock's own tone, how thinly its strands stand (0 is closed).
// Colour carries coverage in alpha; what covers less than half is discarded. Locks need no sorting.

@group(0) @binding(0) var<uniform> frame: Frame;

struct Lock {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec3f,    // across, along, how thin
    @location(1) light: vec3f,
    @location(2) gleam: vec3f, // first highlight, second highlight, light that shines through
};

@vertex
fn lock(@location(0) rest: vec3f, @location(1) n_: vec4f, @location(2) tangent: vec4f, @location(3) uv: vec2f,
        @location(4) shading: vec4f) -> Lock {
    let weight = follow(rest);
    let p = turn(rest, weight);
    let n = normalize(mix(frame.bust * n_.xyz, frame.head * n_.xyz, weight));
    let t = normalize(mix(frame.bust * tangent.xyz, frame.head * tangent.xyz, weight));
    let v = normalize(frame.camera.xyz - p);
    let h = normalize(frame.key.xyz + v);
    // Scales of the cuticle tilt the highlights by a few degrees; locks differ a little.
    let th = dot(t, h) + 0.12 * (shading.z - 0.5);
    let first = th + 0.09;
    let second = th - 0.15;
    let facing = max(dot(n, frame.key.xyz) * 0.65 + 0.35, 0.0) * (0.15 + 0.85 * shading.y);
    let tl = dot(t, frame.key.xyz);
    let depth = 0.25 + 0.75 * shading.x;

    var light = ambient(n) * depth * shading.x + KEY_COLOUR * sqrt(max(1.0 - tl * tl, 0.0)) * facing * depth * 0.9;
    light += FILL_COLOUR * max(dot(n, FILL) * 0.6 + 0.4, 0.0) * shading.x;
    light *= 0.72 + 0.56 * shading.z;
    let grazing = 1.0 - abs(dot(n, v));
    let gleam = vec3f(
        0.055 * pow(max(1.0 - first * first, 0.0), 60.0) * facing,
        0.85 * pow(max(1.0 - second * second, 0.0), 14.0) * facing,
        (0.25 * grazing * grazing * grazing) * shading.x,
    );
    return Lock(frame.view_projection * vec4f(p, 1.0), vec3f(uv, shading.w), light, gleam);
}

fn hash(x: f32) -> f32 {
    var h = fract(x * 0.1031);
    h *= h + 33.33;
    return fract(h * (h + h));
}

@fragment
fn strand(in: Lock) -> @location(0) vec4f {
    // Strands in tufts: each has its own tone and ends at its own place.
    let across = in.uv.x * 11.0 + 0.5 * in.uv.y * (1.0 - in.uv.z);
    let which = floor(across);
    let own = hash(which + 7.0);
    let next = hash(which + 8.0);
    let tone_at = mix(own, next, smoothstep(0.25, 1.0, across - which));
    let ends = 1.0 - in.uv.z * (0.05 + 0.32 * own * own);
    let starts = in.uv.z * 0.025 * next;
    let alpha = min((ends - in.uv.y) * 14.0, (in.uv.y - starts) * 60.0) + 0.5;
    if (alpha < 0.5) { discard; }
    let fine = abs(fract(in.uv.x * 31.0 + 0.7 * own) - 0.5);
    let tone = 0.70 + 0.42 * tone_at + 0.36 * fine;
    let root = 0.72 + 0.28 * smoothstep(0.0, 0.35, in.uv.y);
    let colour = frame.hair.rgb * mix(vec3f(0.92, 0.95, 1.0), vec3f(1.12, 1.03, 0.92), tone_at);
    var lit = colour * in.light * tone * root;
    lit += KEY_COLOUR * (in.gleam.x * tone * tone + colour * in.gleam.y * tone) * root;
    lit += RIM_COLOUR * (0.06 + colour) * in.gleam.z;
    return vec4f(film(lit), clamp(alpha, 0.0, 1.0));
}
