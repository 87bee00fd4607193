// Moves the face by the weights and turns it, then lets the grid of the picture follow the rings around the face.

@group(0) @binding(1) var<storage, read> rest: array<vec4f>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;     // vertex i owns entries offsets[i] to offsets[i + 1]
@group(0) @binding(3) var<storage, read> entries: array<vec4f>;   // a move in pixels, and the number of its shape
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> posed: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> ring: array<f32>;  // how far ring points move: all x, then all y

@compute @workgroup_size(64)
fn morph(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    let count = arrayLength(&rest);
    if (i >= count) { return; }
    var p = rest[i].xyz;
    for (var k = offsets[i]; k < offsets[i + 1u]; k++) {
        let entry = entries[k];
        p += weights[u32(entry.w)] * entry.xyz;
    }
    let at = turned(p);
    posed[i] = vec4f(at, 1.0);
    let points = arrayLength(&ring) / 2u;
    if (i + points >= count) { // the rings are the last of the vertices
        let k = i + points - count;
        ring[k] = at.x - rest[i].x;
        ring[points + k] = at.y - rest[i].y;
    }
}

@group(0) @binding(7) var<storage, read> grid: array<vec2f>;
@group(0) @binding(8) var<storage, read> follow: array<vec4f>;    // of each grid point, four ring points at a time
@group(0) @binding(9) var<storage, read> moves: array<vec4f>;     // as `ring`
@group(0) @binding(10) var<storage, read_write> moved: array<vec2f>;

@compute @workgroup_size(64)
fn spread(@builtin(global_invocation_id) id: vec3u) {
    let i = id.x;
    if (i >= arrayLength(&grid)) { return; }
    let fours = arrayLength(&moves) / 2u;
    var p = grid[i];
    for (var k = 0u; k < fours; k++) {
        let own = follow[i * fours + k];
        p += vec2f(dot(own, moves[k]), dot(own, moves[fours + k]));
    }
    moved[i] = p;
}
