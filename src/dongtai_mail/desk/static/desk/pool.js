// The item pool: keys and ticks in the list; the form for collecting, whose words are kept in this
// browser until the server has them.

import { Rich } from "./rich.js";

const form = document.getElementById("collect");
const list = document.querySelector(".pool-list");
document.documentElement.classList.add("scripted");

// The list

function rows() {
  return [...(list?.querySelectorAll("tbody tr") ?? [])];
}

function step(by) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  all[Math.max(0, Math.min(all.length - 1, at + by))]?.querySelector("a").focus();
}

function tick() {
  const box = document.activeElement?.closest("tr")?.querySelector(".tick input");
  if (box) box.click();
}

// One key does one thing, unless somebody is writing.
const KEYS = { j: () => step(1), k: () => step(-1), x: tick };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const writing = "input:not([type=checkbox]), select, textarea, [contenteditable]";
  if (event.target.closest(writing)) return;
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  const act = KEYS[event.key] ?? (named && (() => (named.href ? named.click() : named.focus())));
  if (!act) return;
  event.preventDefault();
  act();
});

function chosen() {
  return [...list.querySelectorAll("tbody .tick input")].filter((box) => box.checked).length;
}

function tell() {
  const bulk = list.querySelector("[data-bulk]");
  if (!bulk) return;
  const n = chosen();
  bulk.classList.toggle("chosen", n > 0);
  const status = bulk.querySelector("[data-chosen]");
  status.dataset.none ??= status.textContent;
  status.textContent = n ? status.dataset.chosen.replace("{n}", n) : status.dataset.none;
  for (const button of bulk.querySelectorAll("[data-says]")) {
    button.dataset.none ??= button.textContent;
    button.textContent = n ? button.dataset.says.replace("{n}", n) : button.dataset.none;
    button.disabled = n === 0;
  }
}

// On a phone the list comes first, unless a filter is at work.
const more = document.querySelector(".pool-more:not([data-filtered])");
if (more && matchMedia("(max-width: 720px)").matches) more.open = false;

if (list) {
  const all = list.querySelector(".tick-all");
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of list.querySelectorAll("tbody .tick input")) box.checked = all.checked;
      tell();
    });
  }
  list.addEventListener("change", tell);
  // Coming back to the page brings the ticks back after its script has run.
  addEventListener("pageshow", tell);
  tell();
}

// Collecting

const NAMES = ["url", "title", "wanted_section", "source", "date", "tags"];
let rich = null;

function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

// Paste is cleaned by the server; the rich text goes with the form in a field of its own.
function begin() {
  const clean = (html) =>
    fetch(form.closest("[data-pasted]").dataset.pasted, {
      method: "POST",
      headers: { "X-CSRFToken": cookie("csrftoken"), "HX-Request": "true" },
      body: new URLSearchParams({ html }),
    });
  rich = new Rich(form, clean);
  const html = document.createElement("input");
  html.type = "hidden";
  html.name = "body_html";
  html.disabled = true;
  form.elements.body.after(html);
  rich.changed = () => {
    write();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
}

function write() {
  form.elements.body_html.value = rich.html;
  form.elements.body_html.disabled = false;
}

function keep() {
  const values = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));
  const html = rich.html;
  try {
    localStorage.setItem(form.dataset.draft, JSON.stringify({ values, html }));
  } catch {
    // A full or forbidden storage: the page itself still holds the words.
  }
}

function find() {
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(form.dataset.draft));
  } catch {
    return;
  }
  const empty = NAMES.every((name) => !form.elements[name].value) && !form.elements.body.value;
  if (!kept || !empty) return;
  for (const name of NAMES) form.elements[name].value = kept.values[name] ?? "";
  rich.put(kept.html, true);
  write();
  form.querySelector("[data-found]").hidden = false;
  document.body.dispatchEvent(new Event("collect-filled"));
}

if (form) {
  if (document.querySelector("[data-added]")) localStorage.removeItem(form.dataset.draft);
  begin();
  find();
  form.addEventListener("input", keep);
  form.addEventListener("click", (event) => {
    if (!event.target.closest("[data-forget]")) return;
    localStorage.removeItem(form.dataset.draft);
    location.assign(form.action);
  });
  // The fields were read from a page, and are new ones.
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "collect-fields") return;
    begin();
    keep();
    document.body.dispatchEvent(new Event("collect-filled"));
  });
}
