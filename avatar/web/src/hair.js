// Hair, after avatar/shaders/hair.wgsl.

// Locks are lit along the strand: Kajiya & Kay (1989), and the two highlights of Marschner et al. (2003).
export const HAIR_PARTS = /* glsl */ `varying vec3 vLock; varying vec3 vLight; varying vec3 vGleam;`;
export const HAIR_VERTEX = /* glsl */ `
  vec3 t = normalize(mat3(joint) * strand);
  vec3 h = normalize(KEY + v);
  float th = dot(t, h) + 0.12 * (_shading.z - 0.5);
  float first = th + 0.09;
  float second = th - 0.15;
  float facing = max(dot(n, KEY) * 0.65 + 0.35, 0.0) * (0.15 + 0.85 * _shading.y);
  float tl = dot(t, KEY);
  float depth = 0.25 + 0.75 * _shading.x;
  vec3 light = ambient(n) * depth * _shading.x + KEY_COLOUR * sqrt(max(1.0 - tl * tl, 0.0)) * facing * depth * 0.9;
  light += FILL_COLOUR * max(dot(n, FILL) * 0.6 + 0.4, 0.0) * _shading.x;
  vLight = light * (0.72 + 0.56 * _shading.z);
  float grazing = 1.0 - abs(dot(n, v));
  vGleam = vec3(
    0.055 * pow(max(1.0 - first * first, 0.0), 60.0) * facing,
    0.85 * pow(max(1.0 - second * second, 0.0), 14.0) * facing,
    0.25 * grazing * grazing * grazing * _shading.x
  );
  vLock = vec3(uv.x * LOCKS, uv.y, 2.0 - 2.0 * color.a);
`;
export const HAIR_FRAGMENT = /* glsl */ `
  // Strands in tufts: each has its own tone and ends at its own place.
  float across = vLock.x * 11.0 + 0.5 * vLock.y * (1.0 - vLock.z);
  float which = floor(across);
  float own = hash(which + 7.0);
#ifdef DETAIL
  float next = hash(which + 8.0);
  float toneAt = mix(own, next, smoothstep(0.25, 1.0, across - which));
#else
  float next = 0.5;
  float toneAt = own;
#endif
  float ends = 1.0 - vLock.z * (0.05 + 0.32 * own * own);
  float starts = vLock.z * 0.025 * next;
  float alpha = min((ends - vLock.y) * 14.0, (vLock.y - starts) * 60.0) + 0.5;
  if (alpha < 0.5) discard;
  float fine = abs(fract(vLock.x * 31.0 + 0.7 * own) - 0.5);
  float tone = 0.70 + 0.42 * toneAt + 0.36 * fine;
  float root = 0.72 + 0.28 * smoothstep(0.0, 0.35, vLock.y);
  vec3 hair = colour * mix(vec3(0.92, 0.95, 1.0), vec3(1.12, 1.03, 0.92), toneAt);
  vec3 lit = hair * vLight * tone * root;
  lit += KEY_COLOUR * (vGleam.x * tone * tone + hair * vGleam.y * tone) * root;
  lit += RIM_COLOUR * (0.06 + hair) * vGleam.z;
  gl_FragColor = vec4(film(lit), 1.0);
`;
export const HASH = /* glsl */ `
float hash(float x) {
  float h = fract(x * 0.1031);
  h *= h + 33.33;
  return fract(h * (h + h));
}
`;
