// The weighted shapes, added on the CPU: a face moves few of its shapes at once and each moves few vertices, so that this
// costs a fraction of a millisecond, where a shader would visit all 52 at every vertex.

import { BufferAttribute, DynamicDrawUsage } from "three";

export class Morphs {
  // Takes the shapes of a geometry over from three, which would send all of them to the GPU.
  constructor(geometry) {
    const { position, normal } = geometry.morphAttributes;
    this.layers = [
      layer(geometry, "position", position),
      layer(geometry, "normal", normal),
    ];
    geometry.morphAttributes = {};
    this.weights = new Float32Array(position.length);
  }

  set(weights) {
    if (weights.every((weight, k) => weight === this.weights[k])) return;
    this.weights.set(weights);
    for (const { attribute, rest, shapes } of this.layers) {
      const out = attribute.array;
      out.set(rest);
      shapes.forEach(({ vertices, changes }, k) => {
        const weight = weights[k];
        if (weight === 0) return;
        for (let i = 0, j = 0; i < vertices.length; i++, j += 3) {
          const at = vertices[i];
          out[at] += weight * changes[j];
          out[at + 1] += weight * changes[j + 1];
          out[at + 2] += weight * changes[j + 2];
        }
      });
      attribute.needsUpdate = true;
    }
  }
}

function layer(geometry, name, targets) {
  const rest = floats(geometry.attributes[name]);
  const attribute = new BufferAttribute(rest.slice(), 3).setUsage(DynamicDrawUsage);
  geometry.setAttribute(name, attribute);
  const shapes = targets.map((target) => {
    const dense = floats(target);
    const moved = [];
    for (let at = 0; at < dense.length; at += 3) if (dense[at] || dense[at + 1] || dense[at + 2]) moved.push(at);
    const changes = new Float32Array(3 * moved.length);
    moved.forEach((at, i) => changes.set(dense.subarray(at, at + 3), 3 * i));
    return { vertices: Uint32Array.from(moved), changes };
  });
  return { attribute, rest, shapes };
}

// Numbers of an attribute as the shader would see them.
function floats(attribute) {
  const out = new Float32Array(3 * attribute.count);
  for (let i = 0; i < attribute.count; i++) {
    out[3 * i] = attribute.getX(i);
    out[3 * i + 1] = attribute.getY(i);
    out[3 * i + 2] = attribute.getZ(i);
  }
  return out;
}
