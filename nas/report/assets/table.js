// A long table from compact JSON: sorted by any column, filtered by words and ticks, a page of rows at a time.
"use strict";

const PAGE = window.innerWidth < 640 ? 12 : 25;
const DASH = "\u2013";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function scaled(value) {
  for (const [limit, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= limit * 0.9995) return `${digits(value / limit, 3)} ${unit}`;
  }
  return String(Math.round(value));
}

function digits(value, count) {
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(count));
  return rounded.toFixed(Math.min(12, Math.max(0, count - 1 - Math.floor(Math.log10(Math.abs(rounded))))));
}

const formats = {
  share: (v) => (100 * v).toFixed(2),
  ms: (v) => (Math.abs(v) > 0 && Math.abs(v) < 0.1 ? digits(v, 3) : v.toFixed(Math.abs(v) < 10 ? 3 : Math.abs(v) < 100 ? 2 : 1)),
  count: scaled,
  bytes: (v) => `${scaled(v)}B`,
  mb: (v) => digits(v, 3),
  mj: (v) => digits(v, 3),
  seconds: (v) => digits(v, 3),
  number: (v) => digits(v, 3),
  integer: (v) => String(v),
};

const isText = (kind) => kind === "text" || kind === "words" || kind === "code";
const plain = (cell) => (Array.isArray(cell) ? cell[0] : cell);

function written(cell, kind) {
  if (isText(kind)) return cell || DASH;
  const value = plain(cell);
  if (value === null || value === undefined) return DASH;
  const text = formats[kind](value);
  if (!Array.isArray(cell) || cell[1] === null || cell[2] === null) return text;
  const half = (cell[2] - cell[1]) / 2 * (kind === "share" ? 100 : 1);
  return `${text} \u00b1${half.toFixed((text.split(".")[1] || "").length)}`;
}

function compare(a, b, ascending) {
  const [x, y] = [plain(a), plain(b)];
  if (x === y) return 0;
  if (x === null || x === "") return 1; // what is missing stands last either way
  if (y === null || y === "") return -1;
  const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
  return ascending ? order : -order;
}

function makeTable(place, data) {
  const state = { sort: data.sort, words: [], toggles: new Set(), trials: null, shown: PAGE, open: new Set() };
  const body = element("tbody");
  const count = element("span", { class: "count", role: "status" });
  const more = element("button", { class: "plain", type: "button", onclick: () => { state.shown += 100; render(); } });
  const clear = element("button", { class: "plain", type: "button", hidden: "", onclick: () => selection.dispatchEvent(new CustomEvent("change", { detail: null })) }, "Clear the selection");
  const haystacks = data.rows.map(() => null);

  function haystack(i) {
    if (haystacks[i] === null) {
      const texts = data.rows[i].filter((cell) => typeof cell === "string");
      if (data.decisions) for (let k = 0; k < data.decisions[i].length; k += 2) texts.push(`${data.names[data.decisions[i][k]]}=${data.labels[data.decisions[i][k + 1]]}`);
      haystacks[i] = texts.join(" ").toLowerCase();
    }
    return haystacks[i];
  }

  function kept() {
    const [column, ascending] = state.sort;
    const found = [];
    for (let i = 0; i < data.rows.length; i += 1) {
      if (state.trials && !state.trials.has(data.trials[i])) continue;
      if (![...state.toggles].every((chosen) => chosen.has(i))) continue;
      if (state.words.every((word) => haystack(i).includes(word))) found.push(i);
    }
    return found.sort((a, b) => compare(data.rows[a][column], data.rows[b][column], ascending));
  }

  function details(i) {
    const pairs = [...data.notes[i]];
    for (let k = 0; k < data.decisions[i].length; k += 2) pairs.push([data.names[data.decisions[i][k]], data.labels[data.decisions[i][k + 1]]]);
    const list = element("dl", { class: "facts-list" });
    for (const [key, text] of pairs) list.append(element("div", {}, element("dt", {}, key), element("dd", {}, text)));
    const content = pairs.length ? list : "A known network: nothing was decided.";
    return element("tr", { class: "details" }, element("td", { colspan: data.columns.length }, content));
  }

  function row(i) {
    const cells = data.rows[i].map((cell, c) => {
      const kind = data.columns[c].kind;
      const text = written(cell, kind);
      if (c > 0 || !data.decisions) return element("td", { class: isText(kind) ? kind : "number" }, text);
      const open = state.open.has(i);
      const toggle = () => { state.open.has(i) ? state.open.delete(i) : state.open.add(i); render(); body.querySelector(`[data-row="${i}"]`).focus(); };
      return element("td", {}, element("button", { class: "toggle", type: "button", "data-row": i, "aria-expanded": String(open), onclick: toggle }, text));
    });
    const made = [element("tr", {}, ...cells)];
    if (state.open.has(i)) made.push(details(i));
    return made;
  }

  function render() {
    const found = kept();
    body.replaceChildren(...found.slice(0, state.shown).flatMap(row));
    heads.forEach((head, c) => {
      if (state.sort[0] === c) head.setAttribute("aria-sort", state.sort[1] ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    const total = `${data.rows.length.toLocaleString("en")} ${data.noun}${data.rows.length === 1 ? "" : "s"}`;
    count.textContent = found.length === data.rows.length ? total : `${found.length.toLocaleString("en")} of ${total}`;
    more.hidden = found.length <= state.shown;
    more.textContent = `Show ${Math.min(100, found.length - state.shown)} more`;
    clear.hidden = state.trials === null;
  }

  const heads = data.columns.map((column, c) => {
    const sort = () => { state.sort = [c, state.sort[0] === c ? !state.sort[1] : isText(column.kind)]; render(); };
    return element("th", { scope: "col", class: isText(column.kind) ? "" : "number" }, element("button", { type: "button", onclick: sort }, column.label));
  });
  const filter = (event) => { state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean); state.shown = PAGE; render(); };
  const search = element("label", { class: "search" }, "Filter", element("input", { type: "search", placeholder: data.decisions ? "words, or width=1 kernel=5" : "words", oninput: filter }));
  const ticks = data.toggles.map((toggle) => {
    const chosen = new Set(toggle.rows);
    const change = (event) => { event.target.checked ? state.toggles.add(chosen) : state.toggles.delete(chosen); state.shown = PAGE; render(); };
    return element("label", {}, element("input", { type: "checkbox", onchange: change }), `Only ${toggle.label}`);
  });
  const caption = element("caption", { class: "visually-hidden" }, place.dataset.caption);
  const table = element("table", { class: "long" }, caption, element("thead", {}, element("tr", {}, ...heads)), body);
  place.replaceChildren(
    element("div", { class: "tools" }, search, ...ticks, clear, count),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": place.dataset.caption }, table),
    element("div", { class: "more" }, more),
  );
  if (data.decisions) selection.addEventListener("change", (event) => { state.trials = event.detail; state.shown = PAGE; render(); });
  render();
}
