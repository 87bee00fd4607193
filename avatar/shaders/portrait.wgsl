// Draws a photograph: the picture around the face, its skin, its eyes, and what the open mouth shows.

@group(0) @binding(1) var photograph: texture_2d<f32>;
@group(0) @binding(2) var bare: texture_2d<f32>;      // skin without openings; alpha where it differs
@group(0) @binding(3) var patches: texture_2d<f32>;   // white right, white left, iris right, iris left
@group(0) @binding(4) var linear: sampler;

fn photo(uv: vec2f) -> vec3f {
    return textureSampleLevel(photograph, linear, uv, 0.0).rgb;
}

struct Around {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
};

@vertex
fn around_vertex(@location(0) p: vec2f, @location(1) rest: vec2f) -> Around {
    return Around(vec4f(p * frame.pivot.w * vec2f(2.0, -2.0) + vec2f(-1.0, 1.0), 0.9999, 1.0), rest * frame.pivot.w);
}

@fragment
fn around(in: Around) -> @location(0) vec4f {
    return vec4f(photo(in.uv), 1.0);
}

// Lets what lies behind lips and lids be drawn, by the stencil; it has no colour.
@vertex
fn opening_vertex(@location(0) p: vec4f) -> @builtin(position) vec4f {
    return clip(p.xyz, 1.0);
}

@fragment
fn opening() -> @location(0) vec4f {
    return vec4f(0.0);
}

struct Skin {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
    @location(1) marks: vec4f,
};

@vertex
fn skin_vertex(@location(0) p: vec4f, @location(1) rest: vec4f, @location(2) marks: vec4f) -> Skin {
    return Skin(clip(p.xyz, 0.0), rest.xy * frame.pivot.w, marks);
}

@fragment
fn skin(in: Skin) -> @location(0) vec4f {
    let stretched = dot(in.marks.yzw, vec3f(frame.lids.xy, frame.white.a));
    var colour = photo(in.uv);
    if (stretched > 0.0) {
        let own = textureSampleLevel(bare, linear, in.uv, 0.0);
        colour = mix(colour, own.rgb, own.a * min(stretched, 1.0));
    }
    return vec4f(colour, in.marks.x);
}

struct Ball {
    @builtin(position) clip: vec4f,
    @location(0) at: vec2f,     // pixels of the picture at rest
    @location(1) @interpolate(flat) side: u32,
};

@vertex
fn eye_vertex(@builtin(vertex_index) corner: u32, @builtin(instance_index) side: u32) -> Ball {
    let eye = frame.eyes[side];
    let unit = vec2f(f32(corner & 1u), f32(corner >> 1u));
    let at = eye.patch_at.xy + unit / eye.patch_at.z;
    let p = turned(vec3f(at, eye.iris.z));
    return Ball(vec4f(clip(p, 1.0).xy, 0.998, 1.0), at, side);
}

fn tile(number: u32, uv: vec2f) -> vec4f {
    // Half a texel inside, so that neighbours do not shine through.
    let inside = clamp(uv, vec2f(0.005), vec2f(0.995));
    return textureSampleLevel(patches, linear, vec2f((f32(number) + inside.x) * 0.25, inside.y), 0.0);
}

@fragment
fn eye(in: Ball) -> @location(0) vec4f {
    let own = frame.eyes[in.side];
    let white = tile(in.side, (in.at - own.patch_at.xy) * own.patch_at.z);
    let place = (in.at - own.iris.xy - own.gaze.xy) / own.gaze.zw;
    let disc = tile(2u + in.side, place * own.patch_at.z + 0.5);
    let made = mix(white.rgb, disc.rgb, disc.a);
    return vec4f(mix(photo(in.at * frame.pivot.w), made, own.patch_at.w), 1.0);
}

// Of a triangle at the edge these are taken inside of it, not at the middle of the pixel, where they may be beyond.
struct Inside {
    @builtin(position) clip: vec4f,
    @location(0) @interpolate(perspective, centroid) tooth: vec4f, // light that reaches in, whether it is a tooth, u and v
    @location(1) @interpolate(perspective, centroid) facing: f32,
    @location(2) @interpolate(perspective, centroid) tongue: f32,
    @location(3) uv: vec2f,
};

@vertex
fn mouth_vertex(
    @location(0) p: vec4f, @location(1) rest: vec4f, @location(2) tooth: vec4f, @location(3) normal: vec4f,
) -> Inside {
    let n = frame.head * normal.xyz;
    let facing = clamp(0.3 + 0.7 * n.z - 0.15 * n.y, 0.0, 1.0);
    return Inside(clip(p.xyz, 1.0), tooth, facing, normal.w, rest.xy * frame.pivot.w);
}

// Light in linear terms; the white of the photograph gives its exposure and its balance.
// At rest the photograph itself is seen.
fn lit(albedo: vec3f, light: f32, uv: vec2f) -> vec4f {
    let white = frame.white.rgb * frame.white.rgb;
    return vec4f(mix(photo(uv), sqrt(max(albedo * light * white, vec3f(0.0))), frame.white.a), 1.0);
}

@fragment
fn mouth(in: Inside) -> @location(0) vec4f {
    let reach = clamp(in.tooth.x * frame.mouth.x, 0.0, 1.0);
    if (in.tooth.y > 0.5) {
        let gap = 0.5 - abs(fract(in.tooth.z) - 0.5);
        let between = smoothstep(0.0, 0.10, gap);
        var enamel = mix(vec3f(0.80, 0.72, 0.60), vec3f(0.97, 0.94, 0.88), smoothstep(0.0, 0.45, in.tooth.w));
        enamel = mix(vec3f(0.60, 0.28, 0.26), enamel, smoothstep(-0.02, 0.06, in.tooth.w + 0.05 * between));
        return lit(enamel, (0.02 + 0.98 * min(1.0, 1.5 * reach)) * (0.45 + 0.55 * in.facing) * (0.8 + 0.2 * between), in.uv);
    }
    let flesh = mix(vec3f(0.42, 0.10, 0.09), vec3f(0.66, 0.27, 0.25), in.tongue);
    return lit(flesh, (0.04 + 0.96 * reach * reach) * (0.3 + 0.7 * in.facing), in.uv);
}

struct Teeth {
    @builtin(position) clip: vec4f,
    @location(0) uv: vec2f,
};

@vertex
fn patch_vertex(@location(0) rest: vec4f) -> Teeth {
    return Teeth(vec4f(clip(turned(rest.xyz), 1.0).xy, 0.499, 1.0), rest.xy * frame.pivot.w);
}

@fragment
fn teeth_seen(in: Teeth) -> @location(0) vec4f {
    let texel = textureSampleLevel(photograph, linear, in.uv, 0.0);
    return vec4f(texel.rgb, max(texel.a, 1.0 - frame.white.a));
}

struct Lash {
    @builtin(position) clip: vec4f,
    @location(0) across: f32,   // -1 to 1
    @location(1) strength: f32,
};

@vertex
fn lash_vertex(@location(0) p: vec4f, @location(1) marks: vec4f) -> Lash {
    let shut = select(frame.lids.x, frame.lids.y, marks.x > 0.5);
    return Lash(clip(vec3f(p.xy + marks.y * frame.lids.zw, p.z), 0.0), marks.z, marks.w * shut);
}

@fragment
fn lashes(in: Lash) -> @location(0) vec4f {
    return vec4f(frame.lash.rgb, in.strength * (1.0 - in.across * in.across));
}
