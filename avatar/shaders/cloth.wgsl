// The shirt, with a collar and its seam. v is the height above the neckline: the cloth ends there.

override CUT = false; // for the triangles that the neckline crosses

struct Fabric {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) colour: vec3f,
};

@vertex
fn cloth_vertex(in: Vertex) -> Fabric {
    let p = in.p.xyz;
    let n = normalize(in.n.xyz);
    let grazing = 1.0 - max(dot(n, normalize(frame.camera.xyz - p)), 0.0);
    var seen = in.shading.y;
    if (CAST_SHADOWS) { seen = key_seen(p, n); }
    var light = ambient(n) * in.shading.x + KEY_COLOUR * max(dot(n, frame.key.xyz) * 0.85 + 0.15, 0.0) * seen;
    light += FILL_COLOUR * max(dot(n, FILL), 0.0) * in.shading.x + RIM_COLOUR * grazing * grazing * grazing * 0.3;
    return Fabric(frame.view_projection * in.p, in.uv, frame.cloth.rgb * light);
}

@fragment
fn cloth(in: Fabric) -> @location(0) vec4f {
    var alpha = 1.0;
    if (CUT) {
        alpha = 0.5 - in.uv.y * 150.0;
        if (alpha < 0.5) { discard; }
    }
    let seam = 1.0 - 0.35 * (1.0 - smoothstep(0.0, 0.014, abs(in.uv.y + 0.105)));
    let collar = select(1.0, 0.88, in.uv.y > -0.105);
    return vec4f(film(in.colour * seam * collar), clamp(alpha, 0.0, 1.0));
}
