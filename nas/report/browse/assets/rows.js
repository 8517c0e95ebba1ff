// The trials of all studies that are looked at, as one table of columns.
"use strict";

class Rows {
  constructor(documents) {
    this.documents = documents;
    this.starts = [];
    this.count = 0;
    for (const each of documents) { this.starts.push(this.count); this.count += each.trials.length; }
    this.axes = new Map();
    for (const each of documents) for (const axis of each.axes) if (!this.axes.has(axis.name)) this.axes.set(axis.name, axis);
    this.cache = new Map();
    this.ids = this.joined((each) => each.trials.map((trial) => `${each.study}:${trial}`));
    this.index = new Map(this.ids.map((id, i) => [id, i]));
  }

  joined(get) { return this.documents.flatMap(get); }

  once(key, make) {
    if (!this.cache.has(key)) this.cache.set(key, make());
    return this.cache.get(key);
  }

  // One number a trial, NaN where nothing is known.
  column(name) {
    return this.once(`value ${name}`, () => {
      const found = new Float64Array(this.count).fill(NaN);
      this.documents.forEach((each, d) => (each.values[name] || []).forEach((value, i) => { if (value !== null) found[this.starts[d] + i] = value; }));
      return found;
    });
  }

  bounds(name) {
    return this.once(`bounds ${name}`, () => this.joined((each) => each.bounds[name] || new Array(each.trials.length).fill(null)));
  }

  // One word a trial, null where there is none: `kinds`, `outcomes`, `inside`, `reasons`.
  words(field) {
    return this.once(`words ${field}`, () => this.joined((each) => each[field].codes.map((code) => (code < 0 ? null : each[field].labels[code]))));
  }

  plain(field) { return this.once(`plain ${field}`, () => this.joined((each) => each[field])); }

  studies() { return this.once("study of each", () => this.joined((each) => each.trials.map(() => each.study))); }

  decision(name) {
    return this.once(`decision ${name}`, () => this.joined((each) => {
      const found = each.decisions[name];
      return each.trials.map((_, i) => (found && found.codes[i] >= 0 ? found.labels[found.codes[i]] : null));
    }));
  }

  decisionNames() { return this.once("decision names", () => [...new Set(this.documents.flatMap((each) => Object.keys(each.decisions)))].sort()); }

  at(i) {
    const d = this.starts.findLastIndex((start) => start <= i);
    return { study: this.documents[d].study, trial: this.documents[d].trials[i - this.starts[d]] };
  }

  name(i) {
    const several = this.documents.length > 1 ? `${this.studies()[i]}: ` : "";
    return several + this.plain("names")[i];
  }

  // All that a person may look for in a network, in small letters.
  haystack(i) {
    const all = this.once("haystacks", () => new Array(this.count).fill(null));
    if (all[i] === null) {
      const texts = [this.name(i), this.plain("archs")[i], this.words("outcomes")[i], this.words("reasons")[i], this.words("inside")[i]];
      for (const name of this.decisionNames()) { const word = this.decision(name)[i]; if (word !== null) texts.push(`${name}=${word}`); }
      all[i] = texts.filter(Boolean).join(" ").toLowerCase();
    }
    return all[i];
  }
}

let rows = new Rows([]);

// Which trials are within all limits, picked by the brush and found by the words: 1 or 0 each.
function selected() {
  const found = new Uint8Array(rows.count).fill(1);
  const others = rows.plain("others");
  for (let i = 0; i < rows.count; i += 1) if (!others[i]) found[i] = 0;
  for (const limit of limits()) {
    if (limit.bound === null) continue;
    const values = rows.column(limit.name);
    for (let i = 0; i < rows.count; i += 1) {
      if (!(limit.upper ? values[i] <= limit.bound : values[i] >= limit.bound)) found[i] = 0;
    }
  }
  if (view.brush) for (let i = 0; i < rows.count; i += 1) if (!view.brush.has(rows.ids[i])) found[i] = 0;
  const words = view.words.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) for (let i = 0; i < rows.count; i += 1) if (found[i] && !words.every((word) => rows.haystack(i).includes(word))) found[i] = 0;
  return found;
}

// What may be limited: the budgets, then costs; `bound` as the person set it, else as the study did.
function limits() {
  const wanted = new Map();
  for (const each of rows.documents) for (const budget of each.budgets) if (!wanted.has(budget.name) && rows.axes.has(budget.name)) wanted.set(budget.name, { ...budget, asked: true });
  for (const axis of rows.axes.values()) if (axis.maximize === false && !wanted.has(axis.name)) wanted.set(axis.name, { name: axis.name, upper: true, bound: null, asked: false });
  return [...wanted.values()].map((limit) => (limit.name in view.limits ? { ...limit, bound: view.limits[limit.name] } : limit));
}

// The best of the selected ones that were trained to the end, by the first objective, ties by the others; -1 for none.
function best(inside) {
  const objectives = rows.documents.length ? rows.documents[0].objectives : [];
  const eligible = rows.plain("eligible");
  let found = -1;
  for (let i = 0; i < rows.count; i += 1) {
    if (!inside[i] || !eligible[i] || !objectives.length || Number.isNaN(rows.column(objectives[0].name)[i])) continue;
    if (found < 0 || better(i, found, objectives)) found = i;
  }
  return found;
}

function better(a, b, objectives) {
  for (const { name, maximize } of objectives) {
    const [x, y] = [rows.column(name)[a], rows.column(name)[b]];
    if (x !== y) return Number.isNaN(y) || (maximize ? x > y : x < y);
  }
  return false;
}

// The selected ones that no other one beats on both axes, along x; empty where it is not known what is better.
function frontAlong(x, y, inside) {
  const [xMore, yMore] = [rows.axes.get(x)?.maximize, rows.axes.get(y)?.maximize];
  if (xMore === undefined || xMore === null || yMore === undefined || yMore === null) return [];
  const [xs, ys, eligible] = [rows.column(x), rows.column(y), rows.plain("eligible")];
  const known = [];
  for (let i = 0; i < rows.count; i += 1) if (inside[i] && eligible[i] && !Number.isNaN(xs[i]) && !Number.isNaN(ys[i])) known.push(i);
  known.sort((a, b) => (xMore ? xs[b] - xs[a] : xs[a] - xs[b]) || (yMore ? ys[b] - ys[a] : ys[a] - ys[b]));
  const members = [];
  for (const i of known) {
    const last = members.length ? ys[members[members.length - 1]] : null;
    if (last === null || (yMore ? ys[i] > last : ys[i] < last)) members.push(i);
  }
  return members;
}
