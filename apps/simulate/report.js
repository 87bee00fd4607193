"use strict";
(() => {
  const sessions = JSON.parse(document.getElementById("sessions").textContent);
  const pick = document.getElementById("pick"), svg = document.getElementById("timeline");
  const W = 1000, H = 336, L = 46, R = 12, T = 12, MID = 202, B = 30;
  const NS = "http://www.w3.org/2000/svg";
  let session = null, at = 0;

  const make = (name, attributes, text) => {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    svg.appendChild(element);
    return element;
  };
  const x = (s) => L + (s / session.end) * (W - L - R);
  const suds = (v) => MID - 16 - (v / 100) * (MID - 16 - T);
  const valence = (v) => (MID + H - B) / 2 - v * (H - B - MID - 12) / 2;
  const line = (points, colour, width, dash) => make("polyline", {
    points: points.map((p) => p[0].toFixed(1) + "," + p[1].toFixed(1)).join(" "), fill: "none", stroke: colour,
    "stroke-width": width, ...(dash ? { "stroke-dasharray": dash } : {}),
  });

  function draw() {
    const client = session.turns.filter((t) => t.d !== null), therapist = session.turns.filter((t) => t.w === "t");
    const clients = session.turns.filter((t) => t.w === "c");
    svg.replaceChildren();
    for (const v of [0, 25, 50, 75, 100]) {
      make("line", { x1: L, x2: W - R, y1: suds(v), y2: suds(v), class: "grid" });
      make("text", { x: L - 8, y: suds(v) + 4, "text-anchor": "end" }, v);
    }
    make("line", { x1: L, x2: W - R, y1: valence(0), y2: valence(0), class: "zero" });
    for (const [v, name] of [[1, "+1"], [0, "0"], [-1, "\u22121"]])
      make("text", { x: L - 8, y: valence(v) + 4, "text-anchor": "end" }, name);
    // Without times the places are turns.
    const step = !session.timed ? Math.max(2, 2 * Math.round(session.end / 16)) :
      session.end > 2400 ? 600 : session.end > 900 ? 300 : 120;
    for (let s = 0; s <= session.end; s += step)
      make("text", { x: x(s), y: H - 8, "text-anchor": "middle" }, session.timed ? s / 60 + " min" : "turn " + (s + 1));
    make("text", { x: L + 4, y: T + 10, class: "name" }, client.length ? "client: distress (SUDS) and ratings told; trust dashed" : "client: ratings told (SUDS)");
    make("text", { x: L + 4, y: MID + 12, class: "name" }, session.turns.some((t) => t.v !== null) ? "valence of both" : "valence: not read");
    if (client.length) {
      line(client.map((t) => [x(t.e), suds(t.d)]), "#d55e00", 2.4);
      line(client.map((t) => [x(t.e), suds(100 * t.u)]), "#009e73", 1.6, "5 4");
    }
    for (const t of session.turns) if (t.r !== null)
      make("circle", { cx: x(t.e), cy: suds(t.r), r: 4.5, fill: "none", stroke: "#d55e00", "stroke-width": 2 });
    if (session.turns.some((t) => t.v !== null)) {
      line(clients.map((t) => [x(t.e), valence(t.v)]), "#d55e00", 2);
      line(therapist.map((t) => [x(t.e), valence(t.v)]), "#0072b2", 2);
    }
    make("line", { id: "cursor", y1: T, y2: H - B, class: "zero" });
    show(0);
  }

  const when = (t) => session.timed
    ? `${Math.floor(t.s / 60)}:${String(Math.floor(t.s % 60)).padStart(2, "0")}` : `turn ${t.s + 1}`;

  function show(i) {
    at = Math.max(0, Math.min(session.turns.length - 1, i));
    const turn = session.turns[at], other = session.turns.slice(0, at).reverse().find((t) => t.w !== turn.w);
    const cursor = document.getElementById("cursor");
    cursor.setAttribute("x1", x(turn.e)); cursor.setAttribute("x2", x(turn.e));
    for (const who of ["t", "c"]) {
      const said = turn.w === who ? turn : other, box = document.getElementById("said-" + who);
      const head = who === "t" ? "Therapist" : "Client";
      box.querySelector("b").textContent = said
        ? [head, when(said), said.a].filter(Boolean).join(", ") +
          (said.d === null ? "" : `, distress ${said.d.toFixed(0)}, trust ${said.u.toFixed(2)}`) : head;
      box.querySelector("span").textContent = said ? said.x : "";
      box.style.opacity = turn.w === who ? 1 : 0.6;
    }
  }

  function choose() {
    session = sessions[pick.selectedIndex];
    document.getElementById("who").textContent = session.about;
    const transcript = document.getElementById("transcript");
    transcript.replaceChildren(...session.turns.map((t) => {
      const p = document.createElement("p"), b = document.createElement("b");
      b.textContent = t.w === "t" ? "Therapist: " : "Client: ";
      p.append(b, t.x);
      return p;
    }));
    draw();
  }
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect(), s = ((event.clientX - box.left) / box.width * W - L) / (W - L - R) * session.end;
    let best = 0;
    session.turns.forEach((t, i) => { if (Math.abs(t.e - s) < Math.abs(session.turns[best].e - s)) best = i; });
    show(best);
  });
  svg.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(at + 1); else if (event.key === "ArrowLeft") show(at - 1); else return;
    event.preventDefault();
  });
  pick.addEventListener("change", choose);
  const rated = sessions.findIndex((s) => s.turns.some((t) => t.r !== null));
  if (rated > 0) pick.selectedIndex = rated;
  if (sessions.length) choose();
})();
