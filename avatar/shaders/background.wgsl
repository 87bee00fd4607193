// A plain wall, a little lighter behind the head.

struct Wall {
    @builtin(position) clip: vec4f,
    @location(0) at: vec2f,
};

@vertex
fn wall(@builtin(vertex_index) i: u32) -> Wall {
    let at = vec2f(f32((i << 1u) & 2u), f32(i & 2u)) * 2.0 - 1.0;
    return Wall(vec4f(at, 1.0, 1.0), (at - vec2f(-0.15, 0.25)) * vec2f(0.56, 0.6));
}

@fragment
fn gradient(in: Wall) -> @location(0) vec4f {
    return vec4f(mix(vec3f(0.70, 0.715, 0.73), vec3f(0.40, 0.43, 0.465), min(dot(in.at, in.at) * 1.6, 1.0)), 1.0);
}
