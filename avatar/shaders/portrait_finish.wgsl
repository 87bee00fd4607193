// Packs a portrait as RGB bytes.

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var<storage, read_write> rgb: array<u32>;

@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3u) {
    let size = textureDimensions(picture);
    let across = size.x / 4u;
    if (id.x >= across * size.y) { return; }
    let p = vec2u(4u * (id.x % across), id.x / across);
    let a = textureLoad(picture, p, 0);
    let b = textureLoad(picture, p + vec2u(1u, 0u), 0);
    let c = textureLoad(picture, p + vec2u(2u, 0u), 0);
    let d = textureLoad(picture, p + vec2u(3u, 0u), 0);
    rgb[3u * id.x] = pack4x8unorm(vec4f(a.rgb, b.r));
    rgb[3u * id.x + 1u] = pack4x8unorm(vec4f(b.gb, c.rg));
    rgb[3u * id.x + 2u] = pack4x8unorm(vec4f(c.b, d.rgb));
}
