// What follows the limits is drawn over the plot by hand: Plotly would draw all marks again to move one line.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// The front of what is in, the limits, rings around the chosen networks, and the name of the best.
function drawOverlay(inside) {
  const place = byId("front-plot");
  const layer = overlayOf(place);
  const full = place._fullLayout;
  if (view.z || !full?.xaxis || !full.yaxis) { layer.replaceChildren(); return; }
  const { xaxis, yaxis } = full;
  const [xs, ys] = [rows.column(view.x), rows.column(view.y)];
  const at = (x, y) => [xaxis.d2p(x), yaxis.d2p(y)];
  const [width, height] = [xaxis._length, yaxis._length];
  layer.setAttribute("transform", `translate(${xaxis._offset},${yaxis._offset})`);
  const clip = layer.parentNode.querySelector("clipPath rect");
  clip.setAttribute("width", width);
  clip.setAttribute("height", height);
  const made = [];
  for (const [letter, axis] of [["x", xaxis], ["y", yaxis]]) {
    const limit = limits().find((each) => each.name === view[letter]);
    if (!limit || limit.bound === null) continue;
    const p = axis.d2p(limit.bound);
    made.push(svg("line", letter === "x" ? { class: "bound", x1: p, x2: p, y1: 0, y2: height } : { class: "bound", y1: p, y2: p, x1: 0, x2: width }));
  }
  const members = frontAlong(view.x, view.y, inside);
  if (members.length > 1) {
    const [first, ...rest] = members.map((i) => at(xs[i], ys[i]));
    made.push(svg("path", { class: "frontier", d: `M${first}${rest.map(([x, y]) => `H${x}V${y}`).join("")}` }));
  }
  for (const [which, chosen] of [["chosen", view.chosen], ["other", view.other]]) {
    const i = rows.index.get(idOf(chosen));
    if (i === undefined || Number.isNaN(xs[i]) || Number.isNaN(ys[i])) continue;
    const [cx, cy] = at(xs[i], ys[i]);
    made.push(svg("circle", { class: `ring ${which}`, cx, cy, r: 11 }));
  }
  const found = best(inside);
  if (found >= 0 && !Number.isNaN(xs[found]) && !Number.isNaN(ys[found])) {
    const [x, y] = at(xs[found], ys[found]);
    const left = x > width / 2;
    const room = (left ? x : width - x) - 14; // pixels; a letter takes about seven
    const words = [`best: ${short(rows.name(found))}`, short(rows.name(found)), "best"].find((each) => 7.2 * each.length < room) || "";
    made.push(svg("text", { class: "best", x: x + (left ? -14 : 14), y: Math.max(14, y - 14), "text-anchor": left ? "end" : "start" }, words));
  }
  layer.replaceChildren(...made);
}

function overlayOf(place) {
  let layer = place.parentNode.querySelector(".overlay g");
  if (!layer) {
    const picture = svg("svg", { class: "overlay", "aria-hidden": "true" });
    const clip = svg("clipPath", { id: "overlay-clip" });
    clip.append(svg("rect", { x: 0, y: 0, width: 0, height: 0 }));
    layer = svg("g", { "clip-path": "url(#overlay-clip)" });
    picture.append(clip, layer);
    place.parentNode.append(picture);
  }
  return layer;
}
