// Adds the weighted shapes to every vertex and turns the head. A vertex visits only the shapes that move it.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> rest: array<vec4f>;       // two per vertex: position, normal
@group(0) @binding(2) var<storage, read> offsets: array<u32>;      // vertex i owns entries offsets[i] to offsets[i + 1]
@group(0) @binding(3) var<storage, read> entries: array<vec4u>;    // shape, then six halves: change of position and normal
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> posed: array<vec4f>;

@compute @workgroup_size(64)
fn morph(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if (i * 2u >= arrayLength(&rest)) { return; }
    let at_rest = rest[2u * i].xyz;
    var p = at_rest;
    var n = rest[2u * i + 1u].xyz;
    for (var k = offsets[i]; k < offsets[i + 1u]; k++) {
        let entry = entries[k];
        let w = weights[entry.x];
        let a = unpack2x16float(entry.y);
        let b = unpack2x16float(entry.z);
        let c = unpack2x16float(entry.w);
        p += w * vec3f(a.x, a.y, b.x);
        n += w * vec3f(b.y, c.x, c.y);
    }
    let weight = follow(at_rest);
    posed[2u * i] = vec4f(turn(p, weight), 1.0);
    posed[2u * i + 1u] = vec4f(mix(frame.bust * n, frame.head * n, weight), 0.0);
}
