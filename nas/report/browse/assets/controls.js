// The form of axes and colours, and a slider for each limit.
"use strict";

const STEPS = 400;

function options(select, entries, value) {
  select.replaceChildren(...entries.map(([key, text]) => element("option", key === value ? { value: key, selected: "" } : { value: key }, text)));
}

function select(label, id, onchange) {
  const made = element("select", { id, onchange });
  return { made, label: element("label", { for: id }, label, made) };
}

function makeAxes() {
  const form = byId("axes");
  form.addEventListener("submit", (event) => event.preventDefault());
  const parts = [];
  for (const letter of ["x", "y", "z"]) {
    const set = (event) => { view[letter] = event.target.value; delete view.log[letter]; fillAxes(); change("picture"); };
    const tick = element("input", { type: "checkbox", id: `log-${letter}`, onchange: (event) => { view.log[letter] = event.target.checked; change("picture"); } });
    parts.push(element("span", { class: "axis" }, select(letter === "z" ? "third axis" : letter, `axis-${letter}`, set).label, element("label", { for: `log-${letter}` }, tick, "log")));
  }
  parts.push(select("colour", "colour", (event) => { view.colour = event.target.value; change("picture"); }).label);
  form.replaceChildren(...parts);
}

function fillAxes() {
  const entries = [...rows.axes.values()].map((axis) => [axis.name, axis.title]);
  const first = rows.documents[0];
  if (!rows.axes.has(view.y)) view.y = first.objectives[0]?.name || entries[0]?.[0] || "";
  if (!rows.axes.has(view.x)) view.x = rows.axes.has(first.x) ? first.x : entries.find(([name]) => name !== view.y)?.[0] || view.y;
  if (!rows.axes.has(view.z)) view.z = "";
  options(byId("axis-x"), entries, view.x);
  options(byId("axis-y"), entries, view.y);
  options(byId("axis-z"), [["", "none"], ...entries], view.z);
  for (const letter of ["x", "y", "z"]) {
    byId(`log-${letter}`).checked = isLog(letter);
    byId(`log-${letter}`).disabled = !view[letter] || !canLog(view[letter]);
  }
  const colours = [["outcome", "outcome"], ...(rows.documents.length > 1 ? [["study", "study"]] : [])];
  colours.push(...[...rows.axes.values()].map((axis) => [`value ${axis.name}`, axis.label]), ...rows.decisionNames().map((name) => [name, `decision ${name}`]));
  if (!colours.some(([key]) => key === view.colour)) view.colour = "outcome";
  options(byId("colour"), colours, view.colour);
}

function ends(name) {
  return rows.once(`ends ${name}`, () => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of rows.column(name)) { if (value < low) low = value; if (value > high) high = value; }
    return [low, high];
  });
}

const canLog = (name) => ends(name)[0] > 0;
function isLog(letter) {
  const name = view[letter];
  if (!name || !canLog(name)) return false;
  return view.log[letter] ?? (ends(name)[1] / ends(name)[0] > 10 && rows.axes.get(name).kind !== "share");
}

// A slider's place along its values, by equal factors where they span more than one power of ten.
function scaleOf(limit) {
  let [low, high] = ends(limit.name);
  const bound = limit.asked ? rows.documents.flatMap((each) => each.budgets).find((budget) => budget.name === limit.name)?.bound : null;
  if (bound !== null && bound !== undefined) { low = Math.min(low, bound); high = Math.max(high, bound); }
  const log = low > 0 && high / low > 10;
  const value = (place) => (log ? low * (high / low) ** (place / STEPS) : low + (high - low) * place / STEPS);
  const place = (number) => (high === low ? STEPS : STEPS * (log ? Math.log(number / low) / Math.log(high / low) : (number - low) / (high - low)));
  return { value, place };
}

function makeLimits() {
  const form = byId("limits");
  form.addEventListener("submit", (event) => event.preventDefault());
  const held = document.activeElement?.id;
  const main = new Set(["latency_ms", "macs", "params"]);
  const all = limits().map((limit) => [limit, makeLimit(limit)]);
  const [first, more] = [true, false].map((wanted) => all.filter(([limit]) => (limit.asked || main.has(limit.name)) === wanted).map(([, made]) => made));
  const open = form.querySelector("details")?.open;
  const reset = element("button", { class: "plain", type: "button", id: "reset-limits", onclick: () => { view.limits = {}; makeLimits(); change("filter"); } }, "Limits as in the study");
  form.replaceChildren(
    element("div", { class: "sliders" }, ...first),
    ...(more.length ? [element("details", open ? { open: "" } : {}, element("summary", {}, "More limits"), element("div", { class: "sliders" }, ...more))] : []),
    element("div", { class: "more" }, reset),
  );
  if (held && form.contains(byId(held))) byId(held).focus();
}

function makeLimit(limit) {
  const axis = rows.axes.get(limit.name);
  const scale = scaleOf(limit);
  const off = limit.upper ? STEPS : 0;
  const id = `limit-${limit.name}`;
  const words = (bound) => (bound === null ? "no limit" : `${limit.upper ? "\u2264" : "\u2265"} ${quantity(axis.kind, bound)}`);
  const said = element("output", { for: id }, words(limit.bound));
  const input = element("input", {
    type: "range", id, min: 0, max: STEPS, step: 1,
    "aria-valuetext": words(limit.bound),
    oninput: (event) => {
      const place = Number(event.target.value);
      const bound = place === off ? null : Number(scale.value(place).toPrecision(4));
      view.limits[limit.name] = bound;
      said.textContent = words(bound);
      event.target.setAttribute("aria-valuetext", words(bound));
      change("filter");
    },
  });
  input.value = limit.bound === null ? off : Math.round(scale.place(limit.bound));
  return element("div", { class: "limit" }, element("label", { for: id }, axis.label), said, input);
}

// How many are within the limits, and the best of them, in a sentence.
function answer(inside) {
  const first = rows.documents[0];
  if (!first) return;
  const active = limits().filter((limit) => limit.bound !== null);
  const under = active.map((limit) => `${rows.axes.get(limit.name).label} ${limit.upper ? "\u2264" : "\u2265"} ${quantity(rows.axes.get(limit.name).kind, limit.bound)}`);
  const where = under.length ? `Within ${under.join(" and ")}` : "Without a limit";
  const eligible = rows.plain("eligible");
  let [kept, all] = [0, 0];
  for (let i = 0; i < rows.count; i += 1) if (eligible[i]) { all += 1; kept += inside[i]; }
  const found = best(inside);
  let sentence = `${where}${view.brush || view.words ? ", of those picked" : ""}: ${kept.toLocaleString("en")} of ${all.toLocaleString("en")} networks trained to the end`;
  if (found >= 0) {
    const values = [first.objectives[0].name, ...(first.x && first.x !== first.objectives[0].name ? [first.x] : [])]
      .map((name) => rows.axes.get(name) && `${rows.axes.get(name).label} ${quantity(rows.axes.get(name).kind, rows.column(name)[found])}`).filter(Boolean);
    sentence += `; the best is ${rows.name(found)} with ${values.join(" and ")}.`;
  } else sentence += all ? "; none to name as the best." : ".";
  if (byId("answer").textContent !== sentence) byId("answer").textContent = sentence;
}
