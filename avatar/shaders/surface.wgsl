// What the shaders of the body share: its vertex, its textures, and the key light's shadow.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var paint: texture_2d<f32>;        // lips, brows
@group(0) @binding(2) var linear: sampler;
@group(0) @binding(3) var repeated: sampler;
@group(0) @binding(4) var scatter: texture_2d<f32>;      // diffuse light by cosine and curvature, as square roots
@group(0) @binding(5) var grain: texture_2d<f32>;        // slope across and up, pores, mottling
@group(0) @binding(6) var shadows: texture_depth_2d;
@group(0) @binding(7) var nearer: sampler_comparison;

override CAST_SHADOWS = false; // from the shadow map instead of the light baked into the head
override PER_PIXEL = false;    // diffuse light and shadows at every pixel instead of at every vertex

struct Vertex {
    @location(0) p: vec4f,
    @location(1) n: vec4f,
    @location(2) uv: vec2f,
    @location(3) shading: vec4f, // sky seen, key light seen, rosiness, darkness
    @location(4) extra: vec4f,   // x is skin: hair on it; teeth and mouth: light that reaches in; lashes: opacity
                                 // y oil, z curvature in 1 / 4 mm, w pores
};

// How much of the key light, a soft box, arrives at p: percentage-closer filtering (Reeves et al. 1987).
fn key_seen(p: vec3f, n: vec3f) -> f32 {
    let at = frame.key_projection * vec4f(p + n * 0.035, 1.0);
    let uv = vec2f(at.x, -at.y) * 0.5 + 0.5;
    let reach = 0.026;
    var seen = 0.0;
    let taps = select(12, 24, PER_PIXEL);
    for (var i = 0; i < taps; i++) {
        // A spiral (Vogel 1979): even, and the same in every picture.
        let r = reach * sqrt((f32(i) + 0.5) / f32(taps));
        let angle = 2.39996 * f32(i);
        seen += textureSampleCompareLevel(shadows, nearer, uv + r * vec2f(cos(angle), sin(angle)), at.z - 0.0025);
    }
    return seen / f32(taps);
}
