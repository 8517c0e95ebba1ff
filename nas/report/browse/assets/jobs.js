// What the panel's buttons do: texts to copy, jobs to start; and how the jobs stand.
"use strict";

let token = "";
let comparing = false;
let ended = ""; // numbers of the jobs that have; what they left belongs into the panel

async function post(path, data) {
  if (!token) token = (await (await fetch("/token")).json()).token;
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Nas-Token": token }, body: JSON.stringify(data) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error || `the server answered ${answer.status}`);
  return said;
}

const say = (words) => { byId("jobs-said").textContent = words; };

async function start(action) {
  try {
    const job = await post("/jobs", { action, ...view.chosen });
    say(`Started: ${job.title}`);
    byId("jobs").scrollIntoView({ block: "nearest" });
  } catch (error) { say(`Not started: ${error.message}`); }
  poll();
}

async function showText(button) {
  const dialog = byId("text");
  const asked = new URLSearchParams(view.chosen);
  const answer = await fetch(`/text/${encodeURIComponent(button.dataset.text)}?${asked}`);
  const text = answer.ok ? await answer.text() : (await answer.json()).error;
  byId("text-title").textContent = button.textContent;
  byId("text-lead").textContent = answer.ok ? button.title : "It cannot be made:";
  dialog.querySelector("code").textContent = text;
  byId("text-copy").hidden = !answer.ok;
  byId("text-copy").textContent = "Copy";
  dialog.showModal();
  if (answer.ok) copyText();
}

async function copyText() {
  const code = byId("text").querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    byId("text-copy").textContent = "Copied";
  } catch { // not allowed here: marked, so that Ctrl-C takes it
    window.getSelection().selectAllChildren(code);
    byId("text-copy").textContent = "Marked: press Ctrl-C";
  }
}

// The next network that is chosen is the one to compare with.
function setComparing(on) {
  comparing = on;
  if (on) root.dataset.comparing = "yes"; else delete root.dataset.comparing;
  byId("comparing").textContent = on ? "Choose the network to compare with, in the front or the table; Escape leaves it." : "";
}

function drawJobs(jobs) {
  const before = ended;
  ended = jobs.filter((job) => !["waiting", "running"].includes(job.state)).map((job) => job.number).join();
  if (ended !== before && rows.count) later(tellServer, "server", 0);
  const list = byId("jobs-list");
  if (!jobs.length) { list.replaceChildren(element("p", { class: "empty" }, "Nothing was started so far.")); return; }
  const kept = new Map([...list.querySelectorAll("article")].map((each) => [each.dataset.job, each]));
  list.querySelector(".empty")?.remove();
  for (const job of jobs) { // the newest on top
    const key = String(job.number);
    let card = kept.get(key);
    if (!card) {
      card = element("article", { "data-job": key, class: "job" }, element("h3"), element("p", { class: "lead", role: "status" }),
        element("button", { class: "plain", type: "button", onclick: () => post(`/jobs/${key}/cancel`, {}).then(poll, (error) => say(error.message)) }, "Cancel"),
        element("details", { open: "" }, element("summary", {}, "Output"), element("pre", { tabindex: "0" })));
      list.prepend(card);
    }
    card.querySelector("h3").textContent = job.title;
    const code = job.state === "failed" ? `, exit code ${job.code}` : "";
    const words = `${job.state}${code}${job.seconds ? `, ${job.seconds.toFixed(0)} s` : ""}`;
    if (card.querySelector("p").textContent !== words) card.querySelector("p").textContent = words;
    card.dataset.state = job.state;
    card.querySelector("button").hidden = !["waiting", "running"].includes(job.state);
    const output = card.querySelector("pre");
    if (output.textContent !== job.output) {
      const below = output.scrollHeight - output.scrollTop - output.clientHeight < 30;
      output.textContent = job.output;
      if (below) output.scrollTop = output.scrollHeight;
    }
    card.querySelector("details").hidden = !job.output;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.action) start(button.dataset.action);
  else if (button.dataset.text) showText(button);
  else if (button.dataset.compare !== undefined) {
    setComparing(true);
  }
});
byId("text-copy").addEventListener("click", copyText);
