// Skin. Diffuse light is scattered below the surface: looked up by the light's cosine and the surface's curvature (Penner 2011,
// with the profile of d'Eon & Luebke 2007). Two lobes shine on top of it (Weyrich et al. 2006): a broad one of the bare skin and
// a narrow one of the oil on it. `lit_*` does it all per vertex for the tier `draft`.

fn scattered(cosine: f32, curvature: f32) -> vec3f {
    let root = textureSampleLevel(scatter, linear, vec2f(cosine * 0.5 + 0.5, curvature), 0.0).rgb;
    return root * root;
}

fn tint_of(shading: vec4f, cover: f32) -> vec3f {
    var tint = frame.skin.rgb * mix(vec3f(1.0), vec3f(1.06, 0.80, 0.77), shading.z);
    tint *= mix(vec3f(1.0), vec3f(0.46, 0.43, 0.45), shading.w);
    return mix(tint, frame.hair.rgb * 0.4, cover);
}

// Light that left the shadow's edge through the skin is red (Jimenez et al. 2010): widen red's penumbra.
fn penumbra(seen: f32) -> vec3f {
    return pow(vec3f(seen), vec3f(0.80, 1.0, 1.08));
}

fn diffuse(n: vec3f, v: vec3f, shading: vec4f, curvature: f32, seen: f32) -> vec3f {
    let sky = shading.x;
    var light = ambient(n) * pow(vec3f(sky), vec3f(0.78, 1.0, 1.06));
    light += KEY_COLOUR * scattered(dot(n, frame.key.xyz), curvature) * penumbra(seen);
    light += FILL_COLOUR * scattered(dot(n, FILL), curvature) * (0.35 + 0.65 * sky);
    let grazing = 1.0 - max(dot(n, v), 0.0);
    let rim = max(dot(n, RIM_LEFT) + 0.25, 0.0) + max(dot(n, RIM_RIGHT) + 0.25, 0.0);
    return light + RIM_COLOUR * rim * grazing * grazing * sky;
}

fn painted(tint: vec3f, uv: vec2f) -> vec4f {
    let drawn = textureSampleLevel(paint, linear, (uv - frame.window.xy) * frame.window.zw, 0.0).rg;
    let albedo = mix(tint, tint * vec3f(0.86, 0.47, 0.48), drawn.r);
    return vec4f(mix(albedo, frame.hair.rgb * 0.45 + 0.004, drawn.g), drawn.r - drawn.g);
}

struct Lit {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) tint: vec3f,
    @location(2) light: vec3f,
    @location(3) shine: vec3f,
};

@vertex
fn lit_vertex(in: Vertex) -> Lit {
    let n = normalize(in.n.xyz);
    let v = normalize(frame.camera.xyz - in.p.xyz);
    let seen = in.shading.y;
    let rough = 0.50 - 0.08 * in.extra.y;
    var shine = KEY_COLOUR * specular(n, v, frame.key.xyz, rough) * seen * 2.0 + FILL_COLOUR * specular(n, v, FILL, rough);
    shine *= (0.35 + 0.65 * in.shading.x) * (1.0 - in.extra.x);
    let light = diffuse(n, v, in.shading, in.extra.z, seen);
    return Lit(frame.view_projection * in.p, in.uv, tint_of(in.shading, in.extra.x), light, shine);
}

@fragment
fn lit_skin(in: Lit) -> @location(0) vec4f {
    let albedo = painted(in.tint, in.uv);
    return vec4f(film(albedo.rgb * in.light + in.shine * (1.0 + albedo.a)), 1.0);
}

struct Skin {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) tint: vec3f,
    @location(2) light: vec3f,   // gathered per vertex, or the point itself when gathered per pixel
    @location(3) n: vec3f,
    @location(4) v: vec3f,
    @location(5) shading: vec4f, // sky seen, key light seen, rosiness, oil
    @location(6) curved: vec2f,  // curvature, strength of pores
};

@vertex
fn skin_vertex(in: Vertex) -> Skin {
    let n = normalize(in.n.xyz);
    let v = normalize(frame.camera.xyz - in.p.xyz);
    var seen = in.shading.y;
    var light = in.p.xyz;
    if (!PER_PIXEL) {
        if (CAST_SHADOWS) { seen = key_seen(in.p.xyz, n); }
        light = diffuse(n, v, in.shading, in.extra.z, seen);
    }
    let bare = 1.0 - in.extra.x;
    return Skin(frame.view_projection * in.p, in.uv, tint_of(in.shading, in.extra.x), light, n, v,
                vec4f(in.shading.x, seen, in.shading.z, in.extra.y * bare), vec2f(in.extra.z, in.extra.w * bare));
}

@fragment
fn skin(in: Skin) -> @location(0) vec4f {
    let albedo = painted(in.tint, in.uv);
    let lips = max(albedo.a, 0.0);
    let fine = textureSampleLevel(grain, repeated, in.uv * frame.grain.x, 0.0);
    let smooth_n = normalize(in.n);
    let v = normalize(in.v);
    // Grain looks the same from all sides, so that any frame about the normal does.
    let across = normalize(vec3f(smooth_n.z, 0.0, -smooth_n.x));
    let slope = (fine.xy - 0.5) * (0.55 * in.curved.y);
    let n = normalize(smooth_n + across * slope.x + cross(smooth_n, across) * slope.y);
    let sky = in.shading.x;
    let oil = in.shading.w;
    var seen = in.shading.y;
    var light = in.light;
    if (PER_PIXEL) {
        if (CAST_SHADOWS) { seen = key_seen(in.light, smooth_n); }
        let soft = normalize(mix(smooth_n, n, 0.4));
        light = diffuse(soft, v, in.shading, in.curved.x, seen);
    } else {
        light *= 1.0 + 0.4 * dot(n - smooth_n, frame.key.xyz);
    }
    // Blood and pigment are uneven; pores are darker.
    let uneven = (fine.w - 0.5) * in.curved.y;
    let colour = albedo.rgb * (1.0 + uneven * vec3f(0.08, 0.22, 0.20)) * (1.0 - 0.07 * fine.z * in.curved.y);

    let l = frame.key.xyz;
    let h = normalize(l + v);
    let nh = max(dot(n, h), 0.0);
    let lh = max(dot(l, h), 0.1);
    let nl = max(dot(n, l), 0.0);
    let rough = 0.54 - 0.08 * oil - 0.14 * lips;
    let bare = in.curved.y;
    var shine = KEY_COLOUR * seen * (lobe(nh, lh, nl, rough) * 1.5 + lobe(mix(nh, max(dot(smooth_n, h), 0.0), 0.5), lh, nl, 0.36) * (0.12 + 0.30 * oil + 0.3 * lips));
    let g = normalize(FILL + v);
    shine += FILL_COLOUR * lobe(max(dot(n, g), 0.0), max(dot(FILL, g), 0.1), max(dot(n, FILL), 0.0), 0.48) * 1.4;
    // What the room mirrors at grazing angles, softly.
    let edge = 1.0 - max(dot(smooth_n, v), 0.0);
    shine += vec3f(0.045, 0.050, 0.058) * edge * edge * edge * sky;
    shine *= (0.3 + 0.7 * sky) * (1.0 - 0.5 * fine.z) * min(bare + 0.25, 1.0) * (1.0 + min(albedo.a, 0.0));
    return vec4f(film(colour * light + shine), 1.0);
}
