// Smooths the edges of a finished picture (the near half of FXAA, Lottes 2009, with green as brightness) and packs it as RGB bytes.
// An invocation does four by two pixels, whose brightness it gathers four at a time: on a CPU fetching is what costs.

override SMOOTH = true; // false: pack only

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var linear: sampler;
@group(0) @binding(2) var<storage, read_write> rgb: array<u32>;

fn at(uv: vec2f) -> vec3f {
    return textureSampleLevel(picture, linear, uv, 0.0).rgb;
}

// A pixel at uv whose own brightness is m, between those of its corners.
fn smoothed(uv: vec2f, texel: f32, m: f32, nw: f32, ne: f32, sw: f32, se: f32) -> vec3f {
    var c = at(uv);
    let low = min(m, min(min(nw, ne), min(sw, se)));
    let high = max(m, max(max(nw, ne), max(sw, se)));
    // A loop of one turn or none: software Vulkan skips loops that no lane enters, but not branches.
    for (var k = select(0, 1, high - low < max(0.05, high * 0.125)); k < 1; k++) {
        var along = vec2f(sw + se - nw - ne, nw + sw - ne - se);
        let least = min(abs(along.x), abs(along.y)) + max((nw + ne + sw + se) * 0.03125, 0.0078);
        along = clamp(along / least, vec2f(-8.0), vec2f(8.0)) * texel;
        c = 0.5 * (at(uv - along / 6.0) + at(uv + along / 6.0));
    }
    return c;
}

@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3u) {
    let size = textureDimensions(picture);
    let wide = size.x / 4u;
    // Eight neighbours in a row of invocations cover a square of eight by eight pixels, for a CPU does eight at once: where
    // there is no edge, none of them has work.
    let block = id.x / 8u;
    let across = size.x / 8u;
    let place = vec2u(2u * (block % across) + (id.x & 1u), 4u * (block / across) + ((id.x >> 1u) & 3u));
    if (2u * place.y >= size.y) { return; }
    let texel = 1.0 / f32(size.x);
    let uv = (vec2f(place * vec2u(4u, 2u)) + 0.5) * texel;
    let x = vec2f(texel, 0.0);
    let y = vec2f(0.0, texel);
    var a: array<vec3f, 4>;
    var b: array<vec3f, 4>;
    if (SMOOTH) {
        // Each gather has (left low, right low, right high, left high) about a corner of pixels.
        let g00 = textureGather(1, picture, linear, uv + -0.5 * x + -0.5 * y);
        let g01 = textureGather(1, picture, linear, uv + 1.5 * x + -0.5 * y);
        let g02 = textureGather(1, picture, linear, uv + 3.5 * x + -0.5 * y);
        let g10 = textureGather(1, picture, linear, uv + -0.5 * x + 1.5 * y);
        let g11 = textureGather(1, picture, linear, uv + 1.5 * x + 1.5 * y);
        let g12 = textureGather(1, picture, linear, uv + 3.5 * x + 1.5 * y);
        a[0] = smoothed(uv + 0.0 * x + 0.0 * y, texel, g00.y, g00.w, g01.w, g10.w, g11.w);
        a[1] = smoothed(uv + 1.0 * x + 0.0 * y, texel, g01.x, g00.z, g01.z, g10.z, g11.z);
        a[2] = smoothed(uv + 2.0 * x + 0.0 * y, texel, g01.y, g01.w, g02.w, g11.w, g12.w);
        a[3] = smoothed(uv + 3.0 * x + 0.0 * y, texel, g02.x, g01.z, g02.z, g11.z, g12.z);
        b[0] = smoothed(uv + 0.0 * x + 1.0 * y, texel, g10.z, g00.x, g01.x, g10.x, g11.x);
        b[1] = smoothed(uv + 1.0 * x + 1.0 * y, texel, g11.w, g00.y, g01.y, g10.y, g11.y);
        b[2] = smoothed(uv + 2.0 * x + 1.0 * y, texel, g11.z, g01.x, g02.x, g11.x, g12.x);
        b[3] = smoothed(uv + 3.0 * x + 1.0 * y, texel, g12.w, g01.y, g02.y, g11.y, g12.y);
    } else {
        for (var i = 0; i < 4; i++) {
            a[i] = at(uv + f32(i) * x);
            b[i] = at(uv + f32(i) * x + y);
        }
    }
    let first = 3u * (2u * place.y * wide + place.x);
    let second = first + 3u * wide;
    rgb[first] = pack4x8unorm(vec4f(a[0], a[1].r));
    rgb[first + 1u] = pack4x8unorm(vec4f(a[1].gb, a[2].rg));
    rgb[first + 2u] = pack4x8unorm(vec4f(a[2].b, a[3]));
    rgb[second] = pack4x8unorm(vec4f(b[0], b[1].r));
    rgb[second + 1u] = pack4x8unorm(vec4f(b[1].gb, b[2].rg));
    rgb[second + 2u] = pack4x8unorm(vec4f(b[2].b, b[3]));
}
