// Eyes: a ball with a clear cornea over a flat iris, which is seen where the refracted ray meets it (as Jimenez et al. 2012
// draw it), and the softbox and the window that the tears mirror.

struct Ball {
    @builtin(position) clip: vec4f,
    @location(0) p: vec3f,
    @location(1) sky: f32,
};

const IRIS = 0.43;   // radius of the iris, in radii of the ball
const PUPIL = 0.17;

@vertex
fn eye_vertex(in: Vertex) -> Ball {
    return Ball(frame.view_projection * in.p, in.p.xyz, in.shading.x);
}

// Brightness of a rectangular lamp about direction d that the ray r meets; size is half its size, as tangents.
fn softbox(r: vec3f, d: vec3f, size: vec2f, blur: f32) -> f32 {
    let right = normalize(vec3f(d.z, 0.0, -d.x));
    let up = cross(d, right);
    let along = dot(r, d);
    let at = abs(vec2f(dot(r, right), dot(r, up))) / max(along, 0.05);
    let inside = 1.0 - smoothstep(size - blur, size + blur, at);
    return inside.x * inside.y * step(0.05, along);
}

@fragment
fn eye(in: Ball) -> @location(0) vec4f {
    let which = select(1u, 0u, distance(in.p, frame.eyes[0].xyz) < distance(in.p, frame.eyes[1].xyz));
    let look = frame.looks[which].xyz;
    let n = normalize(in.p - frame.eyes[which].xyz);
    let v = normalize(frame.camera.xyz - in.p);
    let cosine = dot(n, look);
    let off = n - look * cosine;
    let r = length(off) + 2.0 * step(cosine, 0.0);
    let on_cornea = 1.0 - smoothstep(IRIS - 0.05, IRIS + 0.06, r);

    // The cornea's curve is steeper than the ball's. Water refracts by 1 / 1.34.
    let bulge = normalize(n + off * 0.85 * on_cornea);
    let bent = refract(-v, bulge, 0.746);
    let depth = cosine + 0.10 * on_cornea * (1.0 - r * r / (IRIS * IRIS)) - 0.86;
    let hit = n + bent * max(depth, 0.0) / max(-dot(bent, look), 0.3);
    let at = mix(off, hit - look * dot(hit, look), on_cornea);
    let q = length(at) + 2.0 * step(cosine, 0.0);

    // Iris: a dark limbal ring, a lighter and warmer collarette, fibres; light gathers on the side away from the lamp.
    let spoke = atan2(at.y, at.x);
    let fibre = 0.5 + 0.22 * sin(spoke * 23.0 + 3.0 * q) + 0.18 * sin(spoke * 41.0 + 2.0) + 0.10 * sin(spoke * 67.0 - 9.0 * q);
    var iris = frame.iris.rgb * (0.52 + 0.40 * fibre);
    iris *= 1.0 - 1.9 * dot(at, frame.key.xyz) * smoothstep(0.12, 0.35, q);
    iris = mix(iris * 1.30 + vec3f(0.020, 0.011, 0.0), iris, smoothstep(0.20, 0.30, q));
    iris *= 1.0 - 0.80 * smoothstep(IRIS - 0.12, IRIS, q);
    // The white: a little blood towards the corners, a bluish veil next to the iris.
    var white = mix(vec3f(0.60, 0.575, 0.56), vec3f(0.50, 0.36, 0.33), smoothstep(0.45, 1.0, r));
    white *= mix(vec3f(0.74, 0.80, 0.88), vec3f(1.0), smoothstep(IRIS, IRIS + 0.10, r));
    var albedo = mix(white, iris, 1.0 - smoothstep(IRIS - 0.035, IRIS + 0.03, q));
    albedo = mix(albedo, vec3f(0.004), 1.0 - smoothstep(PUPIL - 0.02, PUPIL + 0.025, q));

    // The upper lid and its lashes shade the ball below them.
    let lid = mix(1.0, 0.26, smoothstep(0.02, 0.50, n.y)) * (0.30 + 0.70 * in.sky);
    let light = (ambient(n) * 1.05 + KEY_COLOUR * max(dot(n, frame.key.xyz) * 0.7 + 0.3, 0.0) * 0.72) * lid * mix(0.80, 1.0, on_cornea);
    let mirror = reflect(-v, bulge);
    let grazing = 1.0 - max(dot(bulge, v), 0.0);
    let fresnel = 0.025 + 0.975 * pow(grazing, 5.0);
    let open = 1.0 - smoothstep(0.38, 0.62, n.y);
    var gleam = softbox(mirror, frame.key.xyz, vec2f(0.34, 0.44), 0.12) * 1.7;
    gleam += softbox(mirror, normalize(vec3f(0.62, -0.10, 0.78)), vec2f(0.16, 0.30), 0.14) * 0.22;
    gleam += smoothstep(-0.2, 0.9, mirror.y) * 0.35 * min(fresnel, 0.2) * (0.3 + 0.7 * in.sky);
    return vec4f(film(albedo * light + KEY_COLOUR * gleam * open), 1.0);
}

// The film of tears along the lower lid: clear, with a bright line where it mirrors the lamps.
struct Tear {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) n: vec3f,
    @location(2) v: vec3f,
};

@vertex
fn tear_vertex(in: Vertex) -> Tear {
    return Tear(frame.view_projection * in.p, in.uv, in.n.xyz, frame.camera.xyz - in.p.xyz);
}

@fragment
fn tear(in: Tear) -> @location(0) vec4f {
    let n = normalize(in.n + vec3f(0.0, 0.5, 0.0));
    let mirror = reflect(-normalize(in.v), n);
    let middle = 4.0 * in.uv.y * (1.0 - in.uv.y);
    let gleam = middle * (0.16 + 0.5 * pow(max(dot(mirror, frame.key.xyz), 0.0), 6.0));
    return vec4f(vec3f(0.96, 0.93, 0.91), clamp(gleam, 0.0, 0.6));
}
