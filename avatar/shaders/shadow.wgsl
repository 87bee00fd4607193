// Depth as the key light sees it: what stands in its way.

@group(0) @binding(0) var<uniform> frame: Frame;

@vertex
fn body_depth(@location(0) p: vec4f) -> @builtin(position) vec4f {
    return frame.key_projection * p;
}

@vertex
fn hair_depth(@location(0) rest: vec3f) -> @builtin(position) vec4f {
    return frame.key_projection * vec4f(turn(rest, follow(rest)), 1.0);
}
