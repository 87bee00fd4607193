// Teeth, gums, tongue and the lashes.

struct Inside {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) light: vec3f,
    @location(2) shine: vec3f,
};

@vertex
fn mouth_vertex(in: Vertex) -> Inside {
    let n = normalize(in.n.xyz);
    let v = normalize(frame.camera.xyz - in.p.xyz);
    let reach = pow(in.extra.x, 0.8);
    let lit = ambient(n) * 0.75 + KEY_COLOUR * max(dot(n, frame.key.xyz) * 0.8 + 0.2, 0.0) * 0.5;
    let shine = KEY_COLOUR * (specular(n, v, frame.key.xyz, 0.30) + 0.5 * specular(n, v, FILL, 0.35));
    return Inside(frame.view_projection * in.p, in.uv, lit * reach, shine * reach);
}

@fragment
fn teeth(in: Inside) -> @location(0) vec4f {
    // u counts the teeth, v goes from the gum to the edge: yellower at the neck, clear and cool at the edge, dark between.
    let gap = 0.5 - abs(fract(in.uv.x) - 0.5);
    let between = smoothstep(0.0, 0.10, gap);
    var enamel = mix(vec3f(0.58, 0.50, 0.39), vec3f(0.68, 0.635, 0.56), smoothstep(0.0, 0.45, in.uv.y));
    enamel = mix(enamel, vec3f(0.64, 0.63, 0.61), smoothstep(0.75, 1.0, in.uv.y));
    enamel = mix(vec3f(0.46, 0.19, 0.17), enamel, smoothstep(-0.02, 0.06, in.uv.y + 0.05 * between));
    return vec4f(film(enamel * in.light * (0.66 + 0.34 * between) + in.shine * between), 1.0);
}

@fragment
fn mouth(in: Inside) -> @location(0) vec4f {
    return vec4f(film(vec3f(0.34, 0.095, 0.09) * in.light * in.light + in.shine * 0.5), 1.0);
}

struct Lash {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) opacity: f32,
};

@vertex
fn lash_vertex(in: Vertex) -> Lash {
    return Lash(frame.view_projection * in.p, in.uv, in.extra.x);
}

@fragment
fn lashes(in: Lash) -> @location(0) vec4f {
    return vec4f(film(frame.hair.rgb * 0.08 + vec3f(0.0025)), in.opacity);
}
