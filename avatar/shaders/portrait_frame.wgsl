// What the shaders of a portrait share. Positions are pixels of the picture: x right, y down, z towards the camera.

struct Eye {
    patch_at: vec4f, // left, top, 1 / side of its patches; whether the eye has moved
    iris: vec4f,     // its middle in pixels at rest; depth of the front of the ball
    gaze: vec4f,     // how far it has moved the iris; by how much turning away narrows that, across and down
};

struct Frame {
    head: mat3x3f,   // rotation of the head
    pivot: vec4f,    // where it turns; 1 / size of the picture
    eyes: array<Eye, 2>,       // right, left
    lash: vec4f,     // colour
    white: vec4f,    // what is white in this light; how far the mouth has moved
    mouth: vec4f,    // how much light falls into the mouth
    lids: vec4f,     // how far the right and the left lid are drawn as bare skin with lashes; down the face on the picture
};

@group(0) @binding(0) var<uniform> frame: Frame;

fn turned(p: vec3f) -> vec3f {
    return frame.pivot.xyz + frame.head * (p - frame.pivot.xyz);
}

// Clip space; `layer` is 0 for what lies in front, 1 for what lies behind all of that.
fn clip(p: vec3f, layer: f32) -> vec4f {
    let near = 0.5 - p.z * frame.pivot.w * 0.1;
    return vec4f(p.x * frame.pivot.w * 2.0 - 1.0, 1.0 - p.y * frame.pivot.w * 2.0, 0.5 * (layer + clamp(near, 0.0, 0.999)), 1.0);
}
