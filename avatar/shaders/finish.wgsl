// Smooths the edges of a finished picture (FXAA, Lottes 2009) and packs it as RGB bytes, four pixels per invocation.
// Four samples a pixel would look a little better and cost a CPU two and a half times as much.

const SIZE = 512;

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var linear: sampler;
@group(0) @binding(2) var<storage, read_write> rgb: array<u32>;

fn luma(c: vec3f) -> f32 {
    return dot(c, vec3f(0.299, 0.587, 0.114));
}

fn pixel(p: vec2i) -> vec3f {
    return textureLoad(picture, clamp(p, vec2i(0), vec2i(SIZE - 1)), 0).rgb;
}

fn between(uv: vec2f) -> vec3f {
    return textureSampleLevel(picture, linear, uv, 0.0).rgb;
}

fn smoothed(p: vec2i) -> vec3f {
    var c = pixel(p);
    let nw = luma(pixel(p + vec2i(-1, -1)));
    let ne = luma(pixel(p + vec2i(1, -1)));
    let sw = luma(pixel(p + vec2i(-1, 1)));
    let se = luma(pixel(p + vec2i(1, 1)));
    let m = luma(c);
    let low = min(m, min(min(nw, ne), min(sw, se)));
    let high = max(m, max(max(nw, ne), max(sw, se)));
    // A loop of one turn or none: software Vulkan skips loops that no lane enters, but not branches.
    for (var k = select(0, 1, high - low < max(0.03, high * 0.1)); k < 1; k++) {
        var along = vec2f(sw + se - nw - ne, nw + sw - ne - se);
        let least = min(abs(along.x), abs(along.y)) + max((nw + ne + sw + se) * 0.03125, 0.0078);
        along = clamp(along / least, vec2f(-8.0), vec2f(8.0)) / f32(SIZE);
        let uv = (vec2f(p) + 0.5) / f32(SIZE);
        let near = 0.5 * (between(uv - along / 6.0) + between(uv + along / 6.0));
        let far = 0.5 * near + 0.25 * (between(uv - 0.5 * along) + between(uv + 0.5 * along));
        let far_luma = luma(far);
        c = select(far, near, far_luma < low || far_luma > high);
    }
    return c;
}

@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3u) {
    let first = i32(id.x) * 4;
    let p = vec2i(first % SIZE, first / SIZE);
    let a = smoothed(p);
    let b = smoothed(p + vec2i(1, 0));
    let c = smoothed(p + vec2i(2, 0));
    let d = smoothed(p + vec2i(3, 0));
    rgb[3u * id.x] = pack4x8unorm(vec4f(a, b.r));
    rgb[3u * id.x + 1u] = pack4x8unorm(vec4f(b.gb, c.rg));
    rgb[3u * id.x + 2u] = pack4x8unorm(vec4f(c.b, d));
}
