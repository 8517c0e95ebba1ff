// Draws the figures in the colours of the reader's theme, the first one at once and the others one after the other.
"use strict";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const touch = window.matchMedia("(pointer: coarse)");
const selection = new EventTarget(); // "change" with detail: a Set of trials (`17`, `finalist/0`), or null for all

window.addEventListener("error", (event) => { root.dataset.errors = `${root.dataset.errors || ""}${event.message}\n`; });

function recoloured(value, colours) {
  if (typeof value === "string") return colours.get(value) || value;
  if (Array.isArray(value)) return value.map((item) => recoloured(item, colours));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recoloured(item, colours)]));
}

const swaps = new Map(read("swaps"));
const themed = (figure) => (dark.matches ? recoloured(figure, swaps) : structuredClone(figure));

const config = {
  responsive: true,
  displaylogo: false,
  doubleClick: "reset",
  showSendToCloud: false,
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "select2d"], ["resetScale2d"]],
};

async function draw(place) {
  const figure = themed(read(place.dataset.figure));
  if (touch.matches) figure.layout.dragmode = false;
  if (place.clientWidth < 560) narrow(figure.layout);
  const options = { ...config, displayModeBar: touch.matches ? false : "hover", toImageButtonOptions: { filename: place.dataset.figure, scale: 2 } };
  try {
    await Plotly.react(place, figure.data, figure.layout, options);
  } catch (error) {
    root.dataset.errors = `${root.dataset.errors || ""}${place.dataset.figure}: ${error.message}\n`;
    place.textContent = `This figure could not be drawn: ${error.message}`;
    return;
  }
  if (place.dataset.bound) return;
  place.dataset.bound = "yes";
  place.on("plotly_selected", (event) => select(place, event));
  place.on("plotly_deselect", () => selection.dispatchEvent(new CustomEvent("change", { detail: null })));
}

// On a phone there is no room for words inside a figure that stand elsewhere too; the legend takes more lines.
function narrow(layout) {
  layout.annotations = (layout.annotations || []).filter((item) => item.name !== "spare");
  layout.height += 40;
}

function select(place, event) {
  if (!event || !event.points.length) return; // drawn again, or nothing is there
  const trials = new Set(event.points.map((point) => point.customdata).filter((trial) => typeof trial === "string"));
  if (place.dataset.figure === "parallel") highlightParallel(place, trials);
  selection.dispatchEvent(new CustomEvent("change", { detail: trials }));
}

function highlightParallel(place, trials) {
  const colour = getComputedStyle(root).getPropertyValue("--accent").trim();
  highlight(place, themed(read("parallel")).data, trials, colour);
}

function unselect() {
  for (const place of document.querySelectorAll(".plot.js-plotly-plot")) {
    if (place.dataset.figure === "parallel") highlightParallel(place, null);
    Plotly.restyle(place, { selectedpoints: [null] });
    Plotly.relayout(place, { selections: [] });
  }
}

async function drawAll() {
  const places = [...document.querySelectorAll(".plot[data-figure]")];
  for (const place of places) {
    await draw(place);
    root.dataset.firstDraw = root.dataset.firstDraw || Math.round(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  root.dataset.drawn = String(places.filter((place) => place.querySelector(".main-svg")).length);
  root.dataset.ready = "yes";
}

document.querySelectorAll("[data-table]").forEach((place) => makeTable(place, read(place.dataset.table)));
selection.addEventListener("change", (event) => { if (event.detail === null) unselect(); });
dark.addEventListener("change", () => { selection.dispatchEvent(new CustomEvent("change", { detail: null })); drawAll(); });
window.addEventListener("beforeprint", () => document.querySelectorAll(".plot.js-plotly-plot").forEach((place) => Plotly.Plots.resize(place)));
drawAll();
