// The table of networks: sorted by any column, kept to what the limits, the brush and the words leave.
"use strict";

const table = { sort: null, shown: PAGE, within: true };

function tableColumns() {
  const leading = rows.documents[0];
  const values = leading.table.filter((name) => rows.axes.has(name)).map((name) => {
    const axis = rows.axes.get(name);
    const bounds = rows.bounds(name);
    return { label: axis.title, kind: axis.kind, cell: (i) => { const value = rows.column(name)[i]; return Number.isNaN(value) ? null : bounds[i] ? [value, ...bounds[i]] : value; } };
  });
  const study = rows.documents.length > 1 ? [{ label: "study", kind: "text", cell: (i) => rows.studies()[i] }] : [];
  return [
    { label: "network", kind: "text", cell: (i) => rows.plain("names")[i] }, ...study, ...values,
    { label: "epochs", kind: "integer", cell: (i) => rows.plain("epochs")[i] },
    { label: "outcome", kind: "words", cell: (i) => rows.words("outcomes")[i] },
    { label: "in budget", kind: "words", cell: (i) => rows.words("inside")[i] },
    { label: "arch_id", kind: "code", cell: (i) => rows.plain("archs")[i].slice(0, 8) },
  ];
}

function makeNetworks() {
  const place = byId("table");
  const filter = element("input", { type: "search", id: "words", placeholder: "words, or width=1 kernel=5", oninput: (event) => { view.words = event.target.value; table.shown = PAGE; change("filter"); } });
  filter.value = view.words;
  const within = element("input", { type: "checkbox", id: "within", checked: "", onchange: (event) => { table.within = event.target.checked; table.shown = PAGE; change("table"); } });
  const caption = element("caption", { class: "visually-hidden" }, "Networks");
  const head = element("thead");
  const body = element("tbody");
  body.addEventListener("click", (event) => { const row = event.target.closest("tr[data-row]"); if (row) choose(Number(row.dataset.row)); });
  place.replaceChildren(
    element("div", { class: "tools" }, element("label", { class: "search", for: "words" }, "Find", filter), element("label", { for: "within" }, within, "Only within the limits"), element("span", { class: "count", role: "status" })),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Networks" }, element("table", { class: "long" }, caption, head, body)),
    element("div", { class: "more" }, element("button", { class: "plain", type: "button", id: "more-rows", onclick: () => { table.shown += 100; change("table"); } })),
  );
}

function drawNetworks(inside) {
  const columns = tableColumns();
  const first = rows.documents[0].objectives[0];
  const sort = table.sort && columns.some((column) => column.label === table.sort[0]) ? table.sort : [rows.axes.get(first?.name)?.title || "network", first ? !first.maximize : true];
  const by = columns.find((column) => column.label === sort[0]) || columns[0];
  const trained = rows.plain("trained");
  const words = view.words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  let all = 0;
  for (let i = 0; i < rows.count; i += 1) {
    if (!trained[i] && !words.length) continue; // the rejected are found by words
    all += 1;
    if (table.within ? inside[i] : picked(i, words)) found.push(i);
  }
  const cells = new Map(found.map((i) => [i, by.cell(i)]));
  found.sort((a, b) => compare(cells.get(a), cells.get(b), sort[1]));
  const place = byId("table");
  const heads = columns.map((column) => {
    const order = () => { table.sort = [column.label, sort[0] === column.label ? !sort[1] : isText(column.kind)]; change("table"); later(() => [...place.querySelectorAll("th button")].find((each) => each.textContent === column.label)?.focus(), "head", 60); };
    const attributes = { scope: "col", class: isText(column.kind) ? "" : "number" };
    if (column.label === sort[0]) attributes["aria-sort"] = sort[1] ? "ascending" : "descending";
    return element("th", attributes, element("button", { type: "button", onclick: order }, column.label));
  });
  const held = document.activeElement?.closest("#table tr[data-row]")?.dataset.row;
  place.querySelector("thead").replaceChildren(element("tr", {}, ...heads));
  const [chosen, other] = [idOf(view.chosen), idOf(view.other)];
  place.querySelector("tbody").replaceChildren(...found.slice(0, table.shown).map((i) => {
    const made = columns.map((column, c) => {
      const text = written(column.cell(i), column.kind);
      if (c > 0) return element("td", { class: isText(column.kind) ? column.kind : "number" }, text);
      return element("td", {}, element("button", { class: "choose", type: "button", "aria-pressed": String(rows.ids[i] === chosen) }, text));
    });
    const state = rows.ids[i] === chosen ? "chosen" : rows.ids[i] === other ? "other" : "";
    return element("tr", { "data-row": i, class: [state, inside[i] ? "" : "out"].join(" ").trim() }, ...made);
  }));
  if (held) place.querySelector(`tr[data-row="${held}"] button`)?.focus({ preventScroll: true });
  const noun = all === 1 ? "network" : "networks";
  place.querySelector(".count").textContent = found.length === all ? `${all.toLocaleString("en")} ${noun}` : `${found.length.toLocaleString("en")} of ${all.toLocaleString("en")} ${noun}`;
  const more = byId("more-rows");
  more.hidden = found.length <= table.shown;
  more.textContent = `Show ${Math.min(100, found.length - table.shown)} more`;
}

function picked(i, words) {
  return (!view.brush || view.brush.has(rows.ids[i])) && words.every((word) => rows.haystack(i).includes(word));
}
