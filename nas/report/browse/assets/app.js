// Brings the page up, keeps it up to date, and hands what is chosen on to the parts that the server draws.
"use strict";

const documents = new Map(); // by study
let known = []; // studies as the server told them last
const LIVE_MS = 2000;
const IDLE_MS = 10000;

async function load(key) {
  const answer = await fetch(`/columns/${encodeURIComponent(key)}`);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `${key} could not be read: the server answered ${answer.status}`);
  documents.set(key, { ...(await answer.json()), stamp: answer.headers.get("Nas-Stamp") });
}

// The studies that are looked at: those of the address that are there, else the first one.
function settle() {
  const there = known.map((study) => study.key);
  view.studies = view.studies.filter((key) => there.includes(key));
  if (!view.studies.length) view.studies = there.slice(0, 1);
}

async function take(keys) {
  await Promise.all(keys.map(load));
  const shown = view.studies.map((key) => documents.get(key)).filter(Boolean);
  rows = new Rows(shown);
  sayProblems(shown);
  byId("title").textContent = shown.map((each) => each.title + (each.running ? " (running)" : "")).join(", ");
  document.title = `${shown.map((each) => each.title).join(", ")}: nas browse`;
}

function sayProblems(shown) {
  byId("problems").replaceChildren(...shown.filter((each) => each.problem).map((each) => element("p", { class: "empty problem" }, each.problem)));
}

function drawStudies() {
  const place = byId("studies").querySelector(".choices");
  const signature = JSON.stringify([known.map((study) => study.key), view.studies]);
  if (place.dataset.signature === signature) return;
  place.dataset.signature = signature;
  place.replaceChildren(...known.map((study) => {
    const input = element("input", { type: "checkbox", value: study.key, onchange: async (event) => {
      view.studies = known.map((each) => each.key).filter((key) => (key === study.key ? event.target.checked : view.studies.includes(key)));
      settle();
      view.brush = null;
      await show();
    } });
    input.checked = view.studies.includes(study.key);
    return element("label", {}, input, study.title);
  }));
}

// Everything anew: other studies, or new trials in those that are looked at.
async function show(keys = view.studies.filter((key) => !documents.has(key))) {
  drawStudies();
  byId("studies").hidden = known.length < 2;
  try { await take(keys); } catch (error) { byId("problems").replaceChildren(element("p", { class: "empty problem" }, error.message)); return; }
  fillAxes();
  makeLimits();
  change("picture", "figures");
}

changed.addEventListener("view", async ({ detail }) => {
  if (!rows.documents.length) return;
  const inside = selected();
  if (detail.has("picture")) await drawFront();
  else if (detail.has("filter") || detail.has("chosen")) refreshFront(inside);
  root.dataset.filtered = String(Number(root.dataset.filtered || 0) + 1);
  if (detail.has("picture") || detail.has("filter")) answer(inside);
  later(() => { drawNetworks(selected()); root.dataset.ready = "yes"; }, "table", detail.has("picture") || detail.has("table") || detail.has("chosen") ? 0 : 40);
  if (detail.has("picture")) {
    root.dataset.firstDraw = root.dataset.firstDraw || String(Math.round(performance.now()));
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }
  if (detail.has("chosen") || detail.has("figures")) later(tellServer, "server", 0);
  if (detail.has("figures")) later(drawParallel, "parallel", 50);
});

function choose(i) {
  const found = rows.at(i);
  if (comparing) { view.other = idOf(view.chosen) === idOf(found) ? null : found; setComparing(false); } else { view.chosen = found; if (idOf(view.other) === idOf(found)) view.other = null; }
  hideTip();
  change("chosen");
  focusPanel = true;
}
let focusPanel = false;

// Dash answers only once it is there.
const dashReady = () => window.dash_clientside?.set_props && byId("panel");
let told = "";
function tellServer() {
  if (!dashReady()) { later(tellServer, "server", 100); return; }
  const chosen = view.chosen && rows.index.has(idOf(view.chosen)) ? view.chosen : null;
  const kind = chosen ? rows.words("kinds")[rows.index.get(idOf(chosen))] : "";
  const version = kind === "running" ? rows.documents.map((each) => each.version).join() : kind;
  const data = chosen && { ...chosen, other: view.other, theme: themeName(), version, ended };
  if (JSON.stringify(data) !== told) { told = JSON.stringify(data); holdFocus(); window.dash_clientside.set_props("chosen", { data }); }
  watchFigures();
  wantFigures();
}

const inSight = new Set();
const asked = new Map();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.isIntersecting ? inSight.add(entry.target) : inSight.delete(entry.target);
  wantFigures();
}, { rootMargin: "200px" });

function watchFigures() { document.querySelectorAll(".server-figure").forEach((section) => observer.observe(section)); }

function wantFigures() {
  if (!dashReady() || !rows.documents.length) return;
  const { study, version } = rows.documents[0];
  for (const section of document.querySelectorAll(".server-figure")) {
    section.hidden = !rows.documents[0].figures.includes(section.dataset.figureName);
    if (section.hidden) continue;
    if (!inSight.has(section) && !section.querySelector(".nothing")) continue;
    const figure = section.dataset.figureName;
    const data = { study, figure, theme: themeName(), version };
    const signature = JSON.stringify(data);
    if (asked.get(figure) === signature) continue;
    asked.set(figure, signature);
    window.dash_clientside.set_props({ kind: "wanted", figure }, { data });
  }
}

async function poll() {
  clearTimeout(timers.poll);
  let wait = IDLE_MS;
  try {
    const answer = await fetch("/state");
    if (answer.status === 401) { window.location.reload(); return; }
    const state = await answer.json();
    known = state.studies;
    drawJobs(state.jobs);
    const busy = state.jobs.some((job) => ["waiting", "running"].includes(job.state));
    const stale = known.filter((study) => documents.has(study.key) && documents.get(study.key).stamp !== study.stamp).map((study) => study.key);
    const shown = stale.filter((key) => view.studies.includes(key));
    for (const key of stale) if (!shown.includes(key)) documents.delete(key);
    if (shown.length) {
      const before = shown.map((key) => documents.get(key).version).join();
      await take(shown);
      if (shown.map((key) => documents.get(key).version).join() !== before) await show([]);
    } else if (byId("studies").querySelector(".choices").dataset.signature) { byId("studies").hidden = known.length < 2; drawStudies(); }
    if (busy || [...documents.values()].some((each) => each.running)) wait = busy ? 1000 : LIVE_MS;
    delete root.dataset.offline;
  } catch (error) {
    if (!root.dataset.offline) say(`The server does not answer (${error.message}); what is here stays.`);
    root.dataset.offline = "yes";
  }
  timers.poll = setTimeout(poll, document.hidden ? IDLE_MS : wait);
}

// The panel is made anew, so the button in it that has the focus is found again by its data attribute.
let held = "";
function holdFocus() {
  const active = document.activeElement?.closest("#panel button");
  const name = active && ["action", "text", "compare"].find((each) => each in active.dataset);
  held = name ? `[data-${name}="${CSS.escape(active.dataset[name])}"]` : "";
}

const panelObserver = new MutationObserver(() => {
  if (held && document.activeElement === document.body) byId("panel").querySelector(held)?.focus({ preventScroll: true });
  if (!focusPanel || !byId("panel-title")) return;
  focusPanel = false;
  if (window.innerWidth < 1000) byId("panel").scrollIntoView({ block: "start" });
  byId("panel-title").focus({ preventScroll: true });
});

function watchPanel() {
  const panel = byId("panel");
  if (!panel) { setTimeout(watchPanel, 100); return; }
  panelObserver.observe(panel, { childList: true });
  root.dataset.panel = "yes";
}

async function boot() {
  readAddress();
  makeAxes();
  makeNetworks();
  byId("clear-brush").addEventListener("click", () => brush(null));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && comparing) setComparing(false); });
  const state = await (await fetch("/state")).json();
  known = state.studies;
  drawJobs(state.jobs);
  settle();
  await show();
  watchPanel();
  timers.poll = setTimeout(poll, LIVE_MS);
}

dark.addEventListener("change", () => change("picture", "figures"));
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
boot();
