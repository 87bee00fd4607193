// Hair: locks with strands drawn on them, lit along the strand (Kajiya & Kay 1989, two lobes as Marschner 2003 found).

@group(0) @binding(0) var<uniform> frame: Frame;

struct Lock {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,   // across (whole numbers apart from lock to lock), along
    @location(1) light: vec3f,
    @location(2) gleam: vec3f,
};

@vertex
fn lock(@location(0) rest: vec3f, @location(1) n_: vec4f, @location(2) tangent: vec4f, @location(3) uv: vec2f,
        @location(4) shading: vec4f) -> Lock {
    let p = turn(rest, follow(rest));
    let n = frame.head * n_.xyz;
    let t = frame.head * tangent.xyz;
    let v = normalize(frame.camera.xyz - p);
    let h = normalize(frame.key.xyz + v);
    let first = dot(t, h) + 0.10 * dot(n, h);
    let second = dot(t, h) - 0.22 * dot(n, h);
    let facing = max(dot(n, frame.key.xyz) * 0.7 + 0.3, 0.0) * shading.y;
    let tl = dot(t, frame.key.xyz);

    var light = ambient(n) * shading.x + KEY_COLOUR * sqrt(max(1.0 - tl * tl, 0.0)) * facing;
    light += FILL_COLOUR * max(dot(n, FILL) * 0.6 + 0.4, 0.0) * shading.x;
    let grazing = 1.0 - abs(dot(n, v));
    light += RIM_COLOUR * grazing * grazing * grazing * shading.x;
    // shading.z is this lock's own tone.
    light *= (0.62 + 0.76 * shading.z) * (0.75 + 0.35 * uv.y);
    let gleam = vec3f(0.030) * pow(max(1.0 - first * first, 0.0), 50.0)
              + frame.hair.rgb * 0.8 * pow(max(1.0 - second * second, 0.0), 10.0);
    return Lock(frame.view_projection * vec4f(p, 1.0), uv, light, gleam * KEY_COLOUR * facing);
}

@fragment
fn strand(in: Lock) -> @location(0) vec4f {
    // Three sets of strands of unlike width stand for the many.
    let wave = abs(fract(vec3f(2.1, 4.7, 8.3) * in.uv.x + vec3f(0.3, -0.4, 0.7) * in.uv.y + vec3f(0.0, 0.3, 0.7)) - 0.5);
    let tone = 0.62 + dot(wave, vec3f(0.45, 0.6, 0.5) * (1.1 - in.uv.y));
    return vec4f(film(frame.hair.rgb * in.light * tone + in.gleam * (tone * tone)), 1.0);
}
