// Parallel coordinates of the leading study; dragging along an axis picks networks for the front and the table.
"use strict";

let parallelBase = [];

async function drawParallel() {
  const place = byId("parallel");
  const leading = rows.documents[0];
  const answer = await fetch(`/parallel/${encodeURIComponent(leading.study)}?theme=${themeName()}`);
  if (!answer.ok) return;
  const figure = await answer.json();
  const summary = figure.layout.meta.summary;
  place.setAttribute("aria-label", summary);
  byId("parallel-caption").textContent = figure.data.length ? summary : "";
  if (!figure.data.length) { if (place.classList.contains("js-plotly-plot")) Plotly.purge(place); place.replaceChildren(element("p", { class: "empty" }, summary)); return; }
  if (place.querySelector(".empty")) place.replaceChildren();
  place.style.minWidth = `${70 * figure.layout.shapes.length}px`;
  if (coarse.matches) figure.layout.dragmode = false;
  figure.layout.uirevision = leading.study;
  parallelBase = figure.data;
  await Plotly.react(place, structuredClone(figure.data), figure.layout, { responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset" });
  if (!place.dataset.bound) {
    place.dataset.bound = "yes";
    place.on("plotly_selected", (event) => { if (event && event.points.length) brush(event.points.map((point) => point.customdata)); });
    place.on("plotly_deselect", () => brush(null));
    place.on("plotly_click", (event) => { const i = rows.index.get(`${rows.documents[0].study}:${event.points[0].customdata}`); if (i !== undefined) choose(i); });
  }
  place.dataset.drawn = "yes";
  if (view.brush) showBrush();
}

function brush(trials) {
  const study = rows.documents[0]?.study;
  view.brush = trials && new Set(trials.filter((trial) => typeof trial === "string").map((trial) => `${study}:${trial}`));
  showBrush();
  change("filter");
}

function showBrush() {
  const place = byId("parallel");
  byId("clear-brush").hidden = view.brush === null;
  if (!place.classList.contains("js-plotly-plot")) return;
  const trials = view.brush && new Set([...view.brush].map((id) => reference(id).trial));
  highlight(place, parallelBase, trials, colour("accent"));
  if (!trials) { Plotly.restyle(place, { selectedpoints: [null] }); Plotly.relayout(place, { selections: [] }); }
}
