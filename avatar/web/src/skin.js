// Skin, after avatar/shaders/skin.wgsl.

export const SKIN_PARTS = /* glsl */ `
varying vec2 vUv;
varying vec3 vTint;
varying vec3 vLight;
#ifdef DETAIL
varying vec3 vRest;
varying float vPores;
#else
varying vec3 vShine;
#endif
`;

// Diffuse light is scattered below the surface: looked up by the light's cosine and the surface's curvature.
export const SKIN_VERTEX = /* glsl */ `
  float sky = _shading.x;
  float seen = _shading.y;
  vTint = color.rgb / (0.55 + 0.45 * sky);
  vUv = uv;
#ifdef DETAIL
  vRest = position * unit;
  float face = clamp((vRest.z + 0.055) / 0.04, 0.0, 1.0);
  vec2 lid = (vec2(abs(vRest.x), vRest.y) - vec2(0.029, 0.0)) / vec2(0.022, 0.012);
  vPores = (0.35 + 0.65 * face) * (1.0 - 0.75 * exp(-dot(lid, lid)));
#else
  float rough = 0.50 - 0.08 * _shading.w;
  vShine = KEY_COLOUR * specular(n, v, KEY, rough) * seen * 2.0 + FILL_COLOUR * specular(n, v, FILL, rough);
  vShine *= 0.35 + 0.65 * sky;
#endif
  vec3 light = ambient(n) * pow(vec3(sky), vec3(0.78, 1.0, 1.06));
  light += KEY_COLOUR * scattered(dot(n, KEY), _shading.z) * pow(vec3(seen), vec3(0.80, 1.0, 1.08));
  light += FILL_COLOUR * scattered(dot(n, FILL), _shading.z) * (0.35 + 0.65 * sky);
  float grazing = 1.0 - max(dot(n, v), 0.0);
  float rim = max(dot(n, RIM_LEFT) + 0.25, 0.0) + max(dot(n, RIM_RIGHT) + 0.25, 0.0);
  vLight = light + RIM_COLOUR * rim * grazing * grazing * sky;
`;

export const SKIN_FRAGMENT = /* glsl */ `
  vec3 drawn = texture2D(map, vUv).rgb;
#ifdef DETAIL
  float lips = clamp((1.0 - drawn.g / max(drawn.r, 0.01)) * 2.2, 0.0, 1.0) * step(0.6, drawn.r);
  float brow = 1.0 - smoothstep(0.35, 0.8, drawn.r);
  vec3 smoothN = normalize(vN);
  vec3 v = normalize(cameraPosition - vP);
  vec4 fine = texture2D(grain, vec2(vRest.x + 0.5 * vRest.z, vRest.y + 0.35 * vRest.z) * grainRepeats);
  vec3 across = normalize(vec3(smoothN.z, 0.0, -smoothN.x));
  vec2 slope = (fine.xy - 0.5) * (0.55 * vPores);
  vec3 n = normalize(smoothN + across * slope.x + cross(smoothN, across) * slope.y);
  float sky = vBaked.x;
  float oil = vBaked.w;
  vec3 light = vLight * (1.0 + 0.4 * dot(n - smoothN, KEY));
  // Blood and pigment are uneven; pores are darker.
  float uneven = (fine.w - 0.5) * vPores;
  vec3 skin = colour * vTint * drawn * (1.0 + uneven * vec3(0.08, 0.22, 0.20)) * (1.0 - 0.07 * fine.z * vPores);
  // Two lobes (Weyrich et al. 2006): a broad one of the bare skin and a narrow one of the oil on it.
  vec3 h = normalize(KEY + v);
  float nh = max(dot(n, h), 0.0);
  float lh = max(dot(KEY, h), 0.1);
  float nl = max(dot(n, KEY), 0.0);
  float rough = 0.54 - 0.08 * oil - 0.14 * lips;
  float narrow = lobe(mix(nh, max(dot(smoothN, h), 0.0), 0.5), lh, nl, 0.36);
  vec3 shine = KEY_COLOUR * vBaked.y * (lobe(nh, lh, nl, rough) * 1.5 + narrow * (0.12 + 0.30 * oil + 0.3 * lips));
  shine += FILL_COLOUR * specular(n, v, FILL, 0.48) * 1.4;
  // What the room mirrors at grazing angles, softly.
  float edge = 1.0 - max(dot(smoothN, v), 0.0);
  shine += vec3(0.045, 0.050, 0.058) * edge * edge * edge * sky;
  shine *= (0.3 + 0.7 * sky) * (1.0 - 0.5 * fine.z) * min(vPores + 0.25, 1.0) * (1.0 - brow);
  gl_FragColor = vec4(film(skin * light + shine), 1.0);
#else
  gl_FragColor = vec4(film(colour * vTint * drawn * vLight + vShine * (2.0 * drawn.r - 1.0)), 1.0);
#endif
`;
