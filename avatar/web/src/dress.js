// From a GLB as it was loaded to meshes with our looks, and to what moves in them.

import { BufferAttribute, Mesh, Vector3 } from "three";
import { Morphs } from "./morphs.js";
import { WEIGHTS } from "./timeline.js";

export const CAMERA_M = 0.9; // from between the eyes

// Gives the parts of a GLB their looks and finds what moves.
export function dressed({ scene }, looks) {
  const [bust, head] = ["bust", "head"].map((name) => scene.getObjectByName(name));
  const meshes = [];
  scene.traverse((node) => node.isMesh && meshes.push(node));
  const skinned = meshes.find((mesh) => mesh.skeleton);
  const index = meshes.find((mesh) => mesh.morphTargetDictionary)?.morphTargetDictionary;
  if (!bust || !head || !skinned || Object.keys(index ?? {}).length !== WEIGHTS) {
    throw new Error("this GLB is no head of Rapport: it has not the 52 ARKit shapes on the joints bust and head");
  }
  const [toBust, toHead] = skinned.skeleton.boneInverses;
  scene.updateMatrixWorld(true);
  const faces = [];
  const eyes = [];
  for (const mesh of meshes) {
    const { geometry, material } = mesh;
    if (geometry.morphAttributes.position) faces.push(new Morphs(geometry));
    if (material.name === "hair") geometry.setAttribute("strand", strands(geometry));
    if (!geometry.attributes.skinWeight) geometry.setAttribute("skinWeight", unskinned(geometry.attributes.position.count));
    const look = looks.of(material, toBust.elements[0]);
    if (!look) continue;
    // three's own joints and shapes are not needed: the looks do both.
    const plain = new Mesh(geometry, look);
    plain.frustumCulled = false;
    plain.renderOrder = material.name === "hair" ? 0.5 : 0; // what the face hides of it is not shaded
    plain.position.copy(mesh.position);
    plain.quaternion.copy(mesh.quaternion);
    plain.name = mesh.name;
    mesh.parent.add(plain);
    mesh.removeFromParent();
    mesh.skeleton?.dispose();
    material.dispose();
    if (material.name === "eye") {
      const at = new Vector3().setFromMatrixPosition(mesh.matrixWorld);
      eyes.push({ node: plain, uniforms: look.uniforms, inwards: Math.atan2(-at.x, CAMERA_M - at.z) });
    }
  }
  return { faces, eyes, bust, head, index, toBust, toHead };
}

function unskinned(count) {
  return new BufferAttribute(Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 === 1 ? 1 : 0)), 4);
}

// Which way each strand runs, from root to tip: where v of its texture grows.
function strands({ index, attributes: { position, uv } }) {
  const out = new Float32Array(3 * position.count);
  const [a, b, c] = [new Vector3(), new Vector3(), new Vector3()];
  for (let t = 0; t < index.count; t += 3) {
    const corners = [index.getX(t), index.getX(t + 1), index.getX(t + 2)];
    a.fromBufferAttribute(position, corners[0]);
    b.fromBufferAttribute(position, corners[1]).sub(a);
    c.fromBufferAttribute(position, corners[2]).sub(a);
    const [u0, u1, u2] = corners.map((i) => uv.getX(i));
    const [v0, v1, v2] = corners.map((i) => uv.getY(i));
    const area = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0);
    if (area === 0) continue;
    c.multiplyScalar((u1 - u0) / area).addScaledVector(b, -(u2 - u0) / area).normalize();
    for (const i of corners) {
      out[3 * i] += c.x;
      out[3 * i + 1] += c.y;
      out[3 * i + 2] += c.z;
    }
  }
  return new BufferAttribute(out, 3);
}
