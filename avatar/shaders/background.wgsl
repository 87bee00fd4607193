// A wall out of focus, lit from the side of the key light, lighter behind the head.

struct Wall {
    @builtin(position) clip: vec4f,
    @location(0) at: vec2f,
};

@vertex
fn wall(@builtin(vertex_index) i: u32) -> Wall {
    let at = vec2f(f32((i << 1u) & 2u), f32(i & 2u)) * 2.0 - 1.0;
    return Wall(vec4f(at, 1.0, 1.0), at);
}

@fragment
fn gradient(in: Wall) -> @location(0) vec4f {
    let glow = exp(-1.9 * dot(in.at - vec2f(-0.25, 0.22), in.at - vec2f(-0.25, 0.22)));
    let warm = exp(-3.2 * dot(in.at - vec2f(0.95, -0.35), in.at - vec2f(0.95, -0.35)));
    let edge = 1.0 - 0.16 * dot(in.at, in.at);
    let colour = (vec3f(0.40, 0.435, 0.475) + glow * vec3f(0.30, 0.285, 0.265) + warm * vec3f(0.055, 0.03, 0.0)) * edge;
    // A smooth gradient shows its steps in 8 bits unless they are broken up (interleaved gradient noise, Jimenez 2014).
    let noise = fract(52.9829189 * fract(dot(in.clip.xy, vec2f(0.06711056, 0.00583715))));
    return vec4f(colour + (noise - 0.5) / 255.0, 1.0);
}
