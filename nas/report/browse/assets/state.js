// What is looked at: kept in the address, so that a link or a reload shows the same.
"use strict";

const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const byId = (id) => document.getElementById(id);
const changed = new EventTarget(); // "view" after any change of what is looked at

window.addEventListener("error", (event) => { root.dataset.errors = `${root.dataset.errors || ""}${event.message}\n`; });

const view = {
  studies: [], // keys, the first one leads
  x: "", y: "", z: "", colour: "outcome",
  log: {}, // by axis letter, true or false; absent: as the values ask for
  limits: {}, // by name of a value: a number, or null for no limit
  chosen: null, other: null, // {study, trial}
  words: "",
  brush: null, // a Set of ids, or null
};

function readAddress() {
  const asked = new URLSearchParams(window.location.search);
  view.studies = asked.getAll("study");
  for (const key of ["x", "y", "z", "colour", "words"]) if (asked.has(key)) view[key] = asked.get(key);
  for (const letter of ["x", "y", "z"]) if (asked.has(`log${letter}`)) view.log[letter] = asked.get(`log${letter}`) === "1";
  for (const [key, text] of asked) {
    if (key.startsWith("limit.")) view.limits[key.slice(6)] = text === "none" || !Number.isFinite(Number(text)) ? null : Number(text);
  }
  view.chosen = reference(asked.get("trial"));
  view.other = reference(asked.get("with"));
}

function reference(text) {
  const cut = text ? text.lastIndexOf(":") : -1;
  return cut > 0 ? { study: text.slice(0, cut), trial: text.slice(cut + 1) } : null;
}

const idOf = (found) => (found ? `${found.study}:${found.trial}` : "");

function writeAddress() {
  const kept = new URLSearchParams();
  for (const key of view.studies) kept.append("study", key);
  for (const key of ["x", "y", "z"]) if (view[key]) kept.set(key, view[key]);
  if (view.colour !== "outcome") kept.set("colour", view.colour);
  if (view.words) kept.set("words", view.words);
  for (const [letter, on] of Object.entries(view.log)) kept.set(`log${letter}`, on ? "1" : "0");
  for (const [name, bound] of Object.entries(view.limits)) kept.set(`limit.${name}`, bound === null ? "none" : String(bound));
  if (view.chosen) kept.set("trial", idOf(view.chosen));
  if (view.other) kept.set("with", idOf(view.other));
  const address = `${window.location.pathname}?${kept}${window.location.hash}`;
  window.history.replaceState(null, "", address);
}

let waiting = 0;
// Says that what is looked at has changed; many changes before the next picture are one.
function change(...what) {
  for (const each of what) pending.add(each);
  if (waiting) return;
  waiting = requestAnimationFrame(() => {
    waiting = 0;
    const all = new Set(pending);
    pending.clear();
    changed.dispatchEvent(new CustomEvent("view", { detail: all }));
    later(writeAddress, "address", 250); // browsers allow few of these a second
  });
}
const pending = new Set();

const timers = {};
function later(work, name, wait) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(work, wait);
}

const themeName = () => (dark.matches ? "dark" : "light");
const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

const units = { share: "%", ms: " ms", mb: " MiB", mj: " mJ", seconds: " s" };
const quantity = (kind, value) => (value === null || Number.isNaN(value) ? DASH : `${(formats[kind] || formats.number)(value)}${units[kind] || ""}`);

// Plotly reads tags in its texts; a name must stand there as it is.
const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
