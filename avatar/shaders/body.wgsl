// Skin, shirt, eyes, teeth, the inside of the mouth and lashes.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var paint: texture_2d<f32>;
@group(0) @binding(2) var linear: sampler;

struct Vertex {
    @location(0) p: vec4f,
    @location(1) n: vec4f,
    @location(2) uv: vec2f,
    @location(3) shading: vec4f, // sky seen, key light seen, rosiness, darkness
    @location(4) extra: vec4f,   // x is skin: hair on it; teeth and mouth: light that reaches in; lashes: opacity
};

struct Lit {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) tint: vec3f,
    @location(2) light: vec3f,
    @location(3) shine: vec3f,
};

@vertex
fn skin_vertex(in: Vertex) -> Lit {
    let p = in.p.xyz;
    let n = normalize(in.n.xyz);
    let v = normalize(frame.camera.xyz - p);
    let sky = in.shading.x;
    let shadow = in.shading.y;

    var tint = frame.skin.rgb * mix(vec3f(1.0), vec3f(1.05, 0.80, 0.78), in.shading.z);
    tint *= mix(vec3f(1.0), vec3f(0.46, 0.43, 0.45), in.shading.w);
    tint = mix(tint, frame.hair.rgb * 0.4, in.extra.x);

    // Light that entered the skin elsewhere reddens the edge of shadows: wrap the red more than the blue.
    let wrap = vec3f(0.42, 0.20, 0.12);
    let lit = max((vec3f(dot(n, frame.key.xyz)) + wrap) / ((1.0 + wrap) * (1.0 + wrap)), vec3f(0.0));
    let soft_shadow = pow(vec3f(shadow), vec3f(0.75, 1.0, 1.1));
    var light = ambient(n) * pow(vec3f(sky), vec3f(0.80, 1.0, 1.05)) + KEY_COLOUR * lit * soft_shadow;
    light += FILL_COLOUR * max((dot(n, FILL) + 0.3) / 1.69, 0.0) * (0.35 + 0.65 * sky);
    let grazing = 1.0 - max(dot(n, v), 0.0);
    let rim = max(dot(n, RIM_LEFT) + 0.25, 0.0) + max(dot(n, RIM_RIGHT) + 0.25, 0.0);
    light += RIM_COLOUR * rim * grazing * grazing * sky;

    var shine = KEY_COLOUR * specular(n, v, frame.key.xyz, 0.46) * shadow * 2.0 + FILL_COLOUR * specular(n, v, FILL, 0.5) * 1.2;
    shine *= (0.35 + 0.65 * sky) * (1.0 - in.extra.x);
    return Lit(frame.view_projection * in.p, in.uv, tint, light, shine);
}

@fragment
fn skin(in: Lit) -> @location(0) vec4f {
    let at = (in.uv - frame.window.xy) * frame.window.zw;
    let drawn = textureSampleLevel(paint, linear, at, 0.0).rg;
    var albedo = mix(in.tint, in.tint * vec3f(0.86, 0.47, 0.48), drawn.r);
    albedo = mix(albedo, frame.hair.rgb * 0.5, drawn.g);
    return vec4f(film(albedo * in.light + in.shine * (1.0 + drawn.r - drawn.g)), 1.0);
}

@vertex
fn cloth_vertex(in: Vertex) -> Lit {
    let p = in.p.xyz;
    let n = normalize(in.n.xyz);
    let grazing = 1.0 - max(dot(n, normalize(frame.camera.xyz - p)), 0.0);
    var light = ambient(n) * in.shading.x + KEY_COLOUR * max(dot(n, frame.key.xyz) * 0.85 + 0.15, 0.0) * in.shading.y;
    light += FILL_COLOUR * max(dot(n, FILL), 0.0) * in.shading.x + RIM_COLOUR * grazing * grazing * grazing * 0.3;
    return Lit(frame.view_projection * in.p, in.uv, frame.cloth.rgb, light, vec3f(0.0));
}

@fragment
fn cloth(in: Lit) -> @location(0) vec4f {
    // v is the height above the neckline: cut there, with a collar sewn on below.
    if (in.uv.y > 0.0) { discard; }
    let seam = 1.0 - 0.35 * (1.0 - smoothstep(0.0, 0.014, abs(in.uv.y + 0.105)));
    let collar = select(1.0, 0.88, in.uv.y > -0.105);
    return vec4f(film(in.tint * in.light * seam * collar), 1.0);
}

struct Ball {
    @builtin(position) clip: vec4f,
    @location(0) p: vec3f,
    @location(1) sky: f32,
};

@vertex
fn eye_vertex(in: Vertex) -> Ball {
    return Ball(frame.view_projection * in.p, in.p.xyz, in.shading.x);
}

@fragment
fn eye(in: Ball) -> @location(0) vec4f {
    let which = select(1u, 0u, distance(in.p, frame.eyes[0].xyz) < distance(in.p, frame.eyes[1].xyz));
    let look = frame.looks[which].xyz;
    let n = normalize(in.p - frame.eyes[which].xyz);
    let v = normalize(frame.camera.xyz - in.p);
    let cosine = dot(n, look);
    let off = n - look * cosine;
    let r = length(off) + step(cosine, 0.0); // 0 at the pupil's centre; the iris ends at 0.42
    let in_iris = 1.0 - smoothstep(0.385, 0.435, r);

    // Iris: a dark rim, a lighter and warmer collarette, fibres; light gathers on the side away from the lamp.
    let spoke = atan2(off.y, off.x);
    let fibre = 0.5 + 0.25 * sin(spoke * 23.0) + 0.25 * sin(spoke * 41.0 + 2.0);
    var iris = frame.iris.rgb * (0.50 + 0.35 * fibre) * (1.0 - 1.6 * dot(off, frame.key.xyz) * smoothstep(0.15, 0.35, r));
    iris = mix(iris * 1.35 + vec3f(0.015, 0.009, 0.0), iris, smoothstep(0.19, 0.31, r));
    iris *= 1.0 - 0.75 * smoothstep(0.32, 0.42, r);
    var albedo = mix(vec3f(0.74, 0.69, 0.665), iris, in_iris);
    albedo = mix(albedo, vec3f(0.006), 1.0 - smoothstep(0.165, 0.20, r));
    albedo *= mix(vec3f(1.0), vec3f(1.0, 0.80, 0.76), smoothstep(0.5, 1.0, r));

    // The upper lid and its lashes shade the ball below them.
    let lid = mix(0.30, 1.0, smoothstep(0.52, 0.05, n.y)) * (0.55 + 0.45 * in.sky);
    let light = (ambient(n) * 1.1 + KEY_COLOUR * max(dot(n, frame.key.xyz) * 0.7 + 0.3, 0.0) * 0.75) * lid;
    // The cornea bulges: its highlights sit on a steeper normal than the ball's.
    let bulge = normalize(n + off * 1.1 * in_iris);
    let gleam = pow(max(dot(reflect(-v, bulge), frame.key.xyz), 0.0), 150.0) * 2.6
              + pow(max(dot(reflect(-v, bulge), FILL), 0.0), 70.0) * 0.25
              + pow(max(dot(reflect(-v, n), frame.key.xyz), 0.0), 24.0) * 0.04;
    return vec4f(film(albedo * light + vec3f(gleam)), 1.0);
}

@vertex
fn mouth_vertex(in: Vertex) -> Lit {
    let n = normalize(in.n.xyz);
    let v = normalize(frame.camera.xyz - in.p.xyz);
    let lit = ambient(n) * 0.7 + KEY_COLOUR * max(dot(n, frame.key.xyz), 0.0) * 0.45;
    let shine = vec3f(specular(n, v, frame.key.xyz, 0.35)) * in.extra.x;
    return Lit(frame.view_projection * in.p, in.uv, vec3f(0.0), lit * in.extra.x, shine);
}

@fragment
fn teeth(in: Lit) -> @location(0) vec4f {
    return vec4f(film(vec3f(0.66, 0.61, 0.53) * in.light + in.shine), 1.0);
}

@fragment
fn mouth(in: Lit) -> @location(0) vec4f {
    return vec4f(film(vec3f(0.40, 0.12, 0.115) * in.light + in.shine * 0.6), 1.0);
}

@vertex
fn lash_vertex(in: Vertex) -> Lit {
    return Lit(frame.view_projection * in.p, in.uv, vec3f(in.extra.x), vec3f(0.0), vec3f(0.0));
}

@fragment
fn lashes(in: Lit) -> @location(0) vec4f {
    return vec4f(film(frame.hair.rgb * 0.1 + vec3f(0.003)), in.tint.x);
}
