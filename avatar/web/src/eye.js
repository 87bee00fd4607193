// Eyes, after avatar/shaders/eye.wgsl.

export const EYE_FRAGMENT_PARTS = /* glsl */ `
uniform vec3 centre;
uniform vec3 look;
const float IRIS = 0.43;
const float PUPIL = 0.17;
// Brightness of a rectangular lamp about direction d that the ray r meets; size is half its size, as tangents.
float softbox(vec3 r, vec3 d, vec2 size, float blur) {
  vec3 right = normalize(vec3(d.z, 0.0, -d.x));
  vec3 up = cross(d, right);
  float along = dot(r, d);
  vec2 at = abs(vec2(dot(r, right), dot(r, up))) / max(along, 0.05);
  vec2 inside = 1.0 - smoothstep(size - blur, size + blur, at);
  return inside.x * inside.y * step(0.05, along);
}
`;

// A clear cornea over a flat iris, which is seen where the refracted ray meets it (Jimenez et al. 2012).
export const EYE_FRAGMENT = /* glsl */ `
  const float sky = 0.8;
  vec3 n = normalize(vP - centre);
  vec3 v = normalize(cameraPosition - vP);
  float cosine = dot(n, look);
  vec3 off = n - look * cosine;
  float r = length(off) + 2.0 * step(cosine, 0.0);
  float onCornea = 1.0 - smoothstep(IRIS - 0.05, IRIS + 0.06, r);
  vec3 bulge = normalize(n + off * 0.85 * onCornea);
  vec3 bent = refract(-v, bulge, 0.746);
  float deep = cosine + 0.10 * onCornea * (1.0 - r * r / (IRIS * IRIS)) - 0.86;
  vec3 hit = n + bent * max(deep, 0.0) / max(-dot(bent, look), 0.3);
  vec3 at = mix(off, hit - look * dot(hit, look), onCornea);
  float q = length(at) + 2.0 * step(cosine, 0.0);
  float spoke = atan(at.y, at.x);
  float fibre = 0.5 + 0.22 * sin(spoke * 23.0 + 3.0 * q) + 0.18 * sin(spoke * 41.0 + 2.0) + 0.10 * sin(spoke * 67.0 - 9.0 * q);
  vec3 iris = colour * (0.52 + 0.40 * fibre);
  iris *= 1.0 - 1.9 * dot(at, KEY) * smoothstep(0.12, 0.35, q);
  iris = mix(iris * 1.30 + vec3(0.020, 0.011, 0.0), iris, smoothstep(0.20, 0.30, q));
  iris *= 1.0 - 0.80 * smoothstep(IRIS - 0.12, IRIS, q);
  vec3 white = mix(vec3(0.60, 0.575, 0.56), vec3(0.50, 0.36, 0.33), smoothstep(0.45, 1.0, r));
  white *= mix(vec3(0.74, 0.80, 0.88), vec3(1.0), smoothstep(IRIS, IRIS + 0.10, r));
  vec3 albedo = mix(white, iris, 1.0 - smoothstep(IRIS - 0.035, IRIS + 0.03, q));
  albedo = mix(albedo, vec3(0.004), 1.0 - smoothstep(PUPIL - 0.02, PUPIL + 0.025, q));
  // The upper lid and its lashes shade the ball below them.
  float lid = mix(1.0, 0.26, smoothstep(0.02, 0.50, n.y)) * (0.30 + 0.70 * sky);
  vec3 light = ambient(n) * 1.05 + KEY_COLOUR * max(dot(n, KEY) * 0.7 + 0.3, 0.0) * 0.72;
  light *= lid * mix(0.80, 1.0, onCornea);
  vec3 mirror = reflect(-v, bulge);
  float fresnel = 0.025 + 0.975 * pow(1.0 - max(dot(bulge, v), 0.0), 5.0);
  float open = 1.0 - smoothstep(0.38, 0.62, n.y);
  float gleam = softbox(mirror, KEY, vec2(0.34, 0.44), 0.12) * 1.7;
  gleam += softbox(mirror, normalize(vec3(0.62, -0.10, 0.78)), vec2(0.16, 0.30), 0.14) * 0.22;
  gleam += smoothstep(-0.2, 0.9, mirror.y) * 0.35 * min(fresnel, 0.2) * (0.3 + 0.7 * sky);
  gl_FragColor = vec4(film(albedo * light + KEY_COLOUR * gleam * open), 1.0);
`;
