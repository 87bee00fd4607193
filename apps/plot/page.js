"use strict";
// A turn under the pointer or the focus is shown in full beside it; everything else steps back.
const note = document.getElementById("note");
const marks = new Map();
for (const mark of document.querySelectorAll("[data-at]")) {
  const at = mark.dataset.at;
  if (!marks.has(at)) marks.set(at, []);
  marks.get(at).push(mark);
  const title = mark.querySelector("title");
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", title.textContent);
  if (document.getElementById("turn-" + at)) title.remove();
}
let shown = null;

function show(at, x, y) {
  const card = document.getElementById("turn-" + at);
  if (!card) return hide();
  if (shown !== at) {
    hide();
    shown = at;
    for (const mark of marks.get(at)) mark.classList.add("on");
    for (const plot of document.querySelectorAll(".rp-plot")) plot.classList.add("busy");
    card.classList.add("on");
    note.replaceChildren(...[...card.children].map((part) => part.cloneNode(true)));
    note.hidden = false;
  }
  const { width, height } = note.getBoundingClientRect();
  note.style.left = Math.max(12, Math.min(x + 16, innerWidth - width - 12)) + "px";
  note.style.top = Math.max(12, y + 16 + height > innerHeight ? y - height - 16 : y + 16) + "px";
}

function hide() {
  if (shown === null) return;
  for (const mark of document.querySelectorAll(".on")) mark.classList.remove("on");
  for (const plot of document.querySelectorAll(".busy")) plot.classList.remove("busy");
  shown = null;
  note.hidden = true;
}

function nearest(plot, event, reach) {
  let best = null;
  for (const mark of plot.querySelectorAll("[data-at]")) {
    const box = mark.getBoundingClientRect();
    const dx = box.x + box.width / 2 - event.clientX;
    const dy = box.y + box.height / 2 - event.clientY;
    const far = plot.classList.contains("rp-timeline") ? Math.abs(dx) : Math.hypot(dx, dy);
    if (far < reach) [reach, best] = [far, mark];
  }
  return best;
}

for (const plot of document.querySelectorAll(".rp-plot")) {
  plot.addEventListener("pointermove", (event) => {
    const mark = nearest(plot, event, 18);
    if (mark) show(mark.dataset.at, event.clientX, event.clientY);
    else hide();
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("click", (event) => {
    const mark = nearest(plot, event, 18);
    const card = mark && document.getElementById("turn-" + mark.dataset.at);
    if (card) card.scrollIntoView({ block: "center" });
  });
}

// One stop for Tab in each path; the arrow keys walk along it.
for (const side of document.querySelectorAll(".rp-plane > g")) {
  const points = [...side.querySelectorAll(".point")];
  points.forEach((point, i) => {
    point.tabIndex = i === points.length - 1 ? 0 : -1;
    point.addEventListener("focus", () => {
      const box = point.getBoundingClientRect();
      show(point.dataset.at, box.right, box.bottom);
    });
    point.addEventListener("blur", hide);
    point.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      const next = { Home: 0, End: points.length - 1 }[event.key] ?? i + step;
      if (event.key === "Escape") return hide();
      if (!points[next]) return;
      event.preventDefault();
      point.tabIndex = -1;
      points[next].tabIndex = 0;
      points[next].focus();
    });
  });
}
