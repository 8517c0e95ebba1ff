// The front in two or three axes: drawn once for each picture; limits only fade marks and move lines.
"use strict";

const STYLES = { // name in the legend, symbol, size, colour, opacity, error bars, hidden until asked for
  rejected: ["rejected by a gate", "x-thin", 5, "faint", 0.8, false, true],
  stopped: ["stopped early", "circle", 5, "faint", 0.7, false, true],
  running: ["still running", "triangle-up-open", 8, "line", 1, false, false],
  failed: ["failed", "x-thin", 7, "known", 0.9, false, true],
  replaced: ["finalist, before", "star", 9, "faint", 0.8, false, true],
  outside: ["outside the study's budget", "x-thin", 7, "line", 0.9, false, false],
  dominated: ["dominated", "circle", 7, "faint", 0.75, false, false],
  front: ["front of the study", "circle", 10, "accent", 1, true, false],
  finalist: ["finalist, retrained", "star", 15, "final", 1, true, false],
  baseline: ["baseline", "diamond", 11, "known", 1, true, false],
};
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "pentagon", "hexagram"];
const FEW = SYMBOLS.length; // words that are told apart by colour and symbol
const CROWDED = 300;
let shownAxes = "";

function axisStyle(name, log, title) {
  const axis = rows.axes.get(name);
  const grid = colour("grid");
  const made = {
    title: { text: title ?? safe(axis.kind === "share" ? axis.label : axis.title), standoff: 10, font: { size: 13, color: colour("muted") } },
    type: log ? "log" : "linear", gridcolor: grid, linecolor: colour("line"), tickcolor: colour("line"), zeroline: false, automargin: true,
    tickfont: { size: 12, color: colour("muted") },
  };
  if (axis.kind === "share") made.tickformat = ".1~%";
  if (axis.kind === "count") made.tickformat = "~s";
  if (log) made.dtick = ends(name)[1] / ends(name)[0] > 1000 ? 1 : "D2";
  return made;
}

// The trials to draw by group: [legend, style, rows].
function groups() {
  const kinds = rows.words("kinds");
  const drawable = [];
  const needed = ["x", "y", "z"].filter((letter) => view[letter]).map((letter) => [rows.column(view[letter]), isLog(letter)]);
  for (let i = 0; i < rows.count; i += 1) {
    if (needed.every(([values, log]) => !Number.isNaN(values[i]) && (!log || values[i] > 0))) drawable.push(i);
  }
  const byOutcome = (kind) => {
    const [name, symbol, size, ink, opacity, bars, hidden] = STYLES[kind];
    return { name, symbol, size, colour: colour(ink), opacity, bars, hidden, named: kind === "baseline", rows: drawable.filter((i) => kinds[i] === kind) };
  };
  const filled = (made) => made.filter((group) => group.rows.length);
  if (view.colour === "outcome") return filled(Object.keys(STYLES).map(byOutcome));
  return filled([...byColour(drawable.filter((i) => kinds[i] !== "baseline" && !STYLES[kinds[i]][6])), byOutcome("baseline")]);
}

// Groups of the trials that a search found, by a decision, a value or their study.
function byColour(shown) {
  const number = view.colour.startsWith("value ") ? rows.column(view.colour.slice(6)) : null;
  const words = number ? null : view.colour === "study" ? rows.studies() : rows.decision(view.colour);
  const distinct = words ? [...new Set(shown.map((i) => words[i]))] : [];
  if (number || (distinct.length > FEW && distinct.every((word) => word === null || Number.isFinite(Number(word))))) {
    const of = number || words.map((word) => (word === null ? NaN : Number(word)));
    return [{ name: colourTitle(), symbol: "circle", size: 8, colour: colour("muted"), opacity: 0.95, bars: true, rows: shown.filter((i) => !Number.isNaN(of[i])), scale: of },
      { name: "unknown", symbol: "circle-open", size: 7, colour: colour("faint"), opacity: 0.8, bars: false, rows: shown.filter((i) => Number.isNaN(of[i])) }];
  }
  const counted = new Map();
  for (const i of shown) counted.set(words[i], (counted.get(words[i]) || 0) + 1);
  const order = [...counted.keys()].sort((a, b) => counted.get(b) - counted.get(a));
  const kept = order.slice(0, order.length > FEW ? FEW - 1 : FEW).sort((a, b) => (a === null) - (b === null) || String(a).localeCompare(String(b), "en", { numeric: true }));
  const made = kept.map((word, k) => ({ name: word === null ? "not decided" : word, symbol: SYMBOLS[k], size: 8, colour: colour(`c${k + 1}`), opacity: 0.95, bars: true, rows: shown.filter((i) => words[i] === word) }));
  const rest = shown.filter((i) => !kept.includes(words[i]));
  if (rest.length) made.push({ name: "others", symbol: "circle-open", size: 7, colour: colour("faint"), opacity: 0.8, bars: false, rows: rest });
  return made;
}

function colourTitle() {
  if (view.colour.startsWith("value ")) return rows.axes.get(view.colour.slice(6)).title;
  return view.colour;
}

function bars(name, of, ink) {
  const bounds = rows.bounds(name);
  const kinds = rows.words("kinds");
  const barred = (i) => bounds[i] && STYLES[kinds[i]][5];
  if (!of.some(barred)) return undefined;
  const values = rows.column(name);
  const side = (k, sign) => of.map((i) => (barred(i) ? Math.max(0, sign * (bounds[i][k] - values[i])) : null));
  return { type: "data", symmetric: false, array: side(1, 1), arrayminus: side(0, -1), color: ink, thickness: 1, width: 0 };
}

function trace(group, flat) {
  const of = group.rows;
  const crowded = of.length > CROWDED;
  const trusted = rows.plain("trusted");
  const place = (letter) => { const values = rows.column(view[letter]); return of.map((i) => values[i]); };
  const open = (i) => (trusted[i] || group.symbol.startsWith("x-") || group.symbol.endsWith("open") ? group.symbol : `${group.symbol}-open`);
  const thin = group.symbol.startsWith("x-");
  const made = {
    type: flat ? "scatter" : "scatter3d", name: safe(short(group.name)), x: place("x"), y: place("y"), customdata: of,
    mode: group.named && flat ? "markers+text" : "markers", hoverinfo: "none",
    visible: group.hidden ? "legendonly" : true, showlegend: true,
    marker: {
      symbol: flat ? (of.every((i) => trusted[i]) ? group.symbol : of.map(open)) : "circle", size: flat ? (crowded ? Math.min(group.size, 5) : group.size) : Math.min(group.size, 8) / 2, color: group.colour, opacity: crowded ? 0.6 : group.opacity,
      line: { color: thin ? group.colour : colour("paper"), width: thin ? 1.5 : crowded || !flat ? 0 : 0.8 },
    },
  };
  if (!flat) made.z = place("z");
  if (group.named && flat) {
    made.text = of.map((i) => `\u00a0${safe(short(rows.plain("names")[i]))}\u00a0`);
    made.textposition = "top right";
    made.textfont = { size: 11.5, color: colour("known") };
  }
  if (group.scale) {
    const stops = [1, 2, 3, 4, 5].map((step, k) => [k / 4, colour(`scale-${step}`)]);
    made.marker = { ...made.marker, color: of.map((i) => group.scale[i]), colorscale: stops, colorbar: { title: { text: safe(group.name), side: "right" }, thickness: 12, outlinewidth: 0, tickfont: { color: colour("muted") } } };
  }
  if (flat) made.cliponaxis = false;
  if (group.bars && flat) { made.error_x = bars(view.x, of, group.colour); made.error_y = bars(view.y, of, group.colour); }
  return made;
}

const short = (text) => (String(text).length > 28 ? `${String(text).slice(0, 27)}\u2026` : String(text));

async function drawFront() {
  const place = byId("front-plot");
  const flat = !view.z;
  if (!flat && !hasWebGL()) { sayEmpty(place, "Three axes need WebGL, which this browser does not offer; take the third axis away, or colour by it."); return; }
  const drawn = groups();
  if (!drawn.length) { sayEmpty(place, "No trial has a value on every axis so far."); return; }
  if (place.querySelector(".empty")) place.replaceChildren();
  const axes = JSON.stringify([view.studies, view.x, view.y, view.z, isLog("x"), isLog("y"), isLog("z")]);
  const inside = selected();
  const narrow = place.clientWidth < 560;
  const layout = {
    height: narrow ? 460 : 500, uirevision: axes, hovermode: "closest", dragmode: coarse.matches ? false : "zoom",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("ink") }, paper_bgcolor: colour("paper"), plot_bgcolor: colour("paper"),
    margin: { l: 60, r: 16, t: 44, b: 52 }, showlegend: true,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12.5 }, uirevision: view.colour },
    modebar: { bgcolor: colour("paper"), color: colour("faint"), activecolor: colour("ink") },
  };
  if (flat) Object.assign(layout, { xaxis: axisStyle(view.x, isLog("x")), yaxis: axisStyle(view.y, isLog("y")) });
  else layout.scene = Object.fromEntries(["x", "y", "z"].map((letter) => [`${letter}axis`, { ...axisStyle(view[letter], isLog(letter)), backgroundcolor: colour("paper") }]));
  let traces = drawn.map((group) => trace(group, flat));
  if (!flat) {
    traces = [...faded(drawn, inside), ...rings()];
    layout.scene.camera = { eye: { x: 1.6, y: 1.6, z: 1.1 } };
    layout.margin = { l: 0, r: 0, t: 30, b: 0 };
  }
  if (shownAxes && shownAxes !== axes) Plotly.purge(place);
  shownAxes = axes;
  const buttons = flat ? [["toImage"], ["zoom2d", "pan2d"], ["resetScale2d"]] : [["toImage"], ["resetCameraDefault3d"]];
  await Plotly.react(place, traces, layout, { responsive: true, displaylogo: false, doubleClick: "reset", modeBarButtons: buttons, displayModeBar: coarse.matches ? false : "hover" });
  if (!place.dataset.bound || place.dataset.bound !== axes) { listen(place); place.dataset.bound = axes; }
  fade(inside);
  drawOverlay(inside);
  describe(drawn, inside);
}

const coarse = window.matchMedia("(pointer: coarse)");

function sayEmpty(place, words) {
  if (place.classList.contains("js-plotly-plot")) Plotly.purge(place);
  place.replaceChildren(element("p", { class: "empty" }, words));
  overlayOf(place).replaceChildren();
  shownAxes = "";
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
}

// In three axes what is out of the limits is a trace of its own, pale.
function faded(drawn, inside) {
  return drawn.flatMap((group) => {
    const [kept, out] = [1, 0].map((wanted) => ({ ...group, rows: group.rows.filter((i) => inside[i] === wanted) }));
    const pale = { ...out, name: `${group.name}, out`, opacity: 0.12, colour: colour("faint"), scale: undefined, symbol: "circle" };
    return [kept, pale].filter((each) => each.rows.length).map((each) => trace(each, false));
  }).map((made) => (made.name.endsWith(", out") ? { ...made, showlegend: false } : made));
}

// In three axes the chosen networks have a larger, open mark around theirs.
function rings() {
  return [[view.chosen, "ink"], [view.other, "known"]].flatMap(([chosen, ink]) => {
    const i = rows.index.get(idOf(chosen));
    if (i === undefined) return [];
    const place = Object.fromEntries(["x", "y", "z"].map((letter) => [letter, [rows.column(view[letter])[i]]]));
    return [{ ...place, type: "scatter3d", mode: "markers", hoverinfo: "skip", showlegend: false, marker: { symbol: "circle-open", size: 9, color: colour(ink) } }];
  });
}

function listen(place) {
  place.removeAllListeners?.("plotly_hover");
  place.on("plotly_hover", (event) => showTip(event.points[0].customdata, event.event));
  place.on("plotly_unhover", hideTip);
  place.on("plotly_click", (event) => { const i = event.points[0].customdata; if (Number.isInteger(i)) choose(i); });
  place.on("plotly_afterplot", () => { fade(lastInside); drawOverlay(lastInside); });
  place.on("plotly_relayouting", () => drawOverlay(lastInside));
}

let lastInside = new Uint8Array(0);
// Plotly keeps with each mark which point of which trace it is; giving it a class costs far less than drawing again.
function fade(inside) {
  lastInside = inside;
  for (const group of byId("front-plot").querySelectorAll(".scatterlayer .trace")) {
    const of = group.__data__?.[0]?.trace?.customdata;
    if (!of) continue;
    for (const mark of group.querySelectorAll("path.point, g.errorbar, g.textpoint")) {
      const i = of[mark.__data__?.i];
      mark.classList.toggle("out", i !== undefined && !inside[i]);
    }
  }
}

function refreshFront(inside) {
  const place = byId("front-plot");
  if (!place.classList.contains("js-plotly-plot")) return;
  if (view.z) { drawFront(); return; }
  fade(inside);
  drawOverlay(inside);
}

function describe(drawn, inside) {
  const total = drawn.reduce((sum, group) => sum + group.rows.length, 0);
  const axes = ["y", "x", "z"].filter((letter) => view[letter]).map((letter) => rows.axes.get(view[letter]).label);
  const members = view.z ? 0 : frontAlong(view.x, view.y, inside).length;
  const words = `${axes[0]} against ${axes.slice(1).join(" and ")}: ${total.toLocaleString("en")} trials${members ? `, ${members} on the front of those within the limits` : ""}. A hollow mark has a latency that is not to be trusted; bars are intervals.`;
  byId("front-caption").textContent = words;
  byId("front-plot").setAttribute("aria-label", words);
}

function showTip(i, event) {
  if (!Number.isInteger(i)) return;
  const tip = byId("tip");
  const first = rows.documents[0];
  const names = new Set([...first.objectives.map((each) => each.name), view.x, view.y, ...(view.z ? [view.z] : []), "latency_ms", "macs", "params"]);
  const facts = [...names].filter((name) => rows.axes.has(name) && !Number.isNaN(rows.column(name)[i])).map((name) => {
    const { label, kind } = rows.axes.get(name);
    const bounds = rows.bounds(name)[i];
    return `${label} ${quantity(kind, rows.column(name)[i])}${bounds ? ` [${bounds.map((end) => (formats[kind] || formats.number)(end)).join(", ")}]` : ""}`;
  });
  const decided = rows.decisionNames().map((name) => [name, rows.decision(name)[i]]).filter(([, word]) => word !== null).map(([name, word]) => `${name} ${word}`);
  const lines = [...facts, rows.words("outcomes")[i], rows.words("reasons")[i], decided.slice(0, 12).join(", ") + (decided.length > 12 ? ", \u2026" : "")];
  if (!rows.plain("trusted")[i]) lines.push("latency not to be trusted");
  tip.replaceChildren(element("strong", {}, rows.name(i)), ...lines.filter(Boolean).map((line) => element("div", {}, line)));
  tip.hidden = false;
  const [x, y] = event ? [event.clientX, event.clientY] : [0, 0];
  tip.style.left = `${Math.max(8, Math.min(x + 14, window.innerWidth - tip.offsetWidth - 12))}px`;
  tip.style.top = `${Math.max(8, y + 14 + tip.offsetHeight > window.innerHeight ? y - tip.offsetHeight - 10 : y + 14)}px`;
}

function hideTip() { byId("tip").hidden = true; }
