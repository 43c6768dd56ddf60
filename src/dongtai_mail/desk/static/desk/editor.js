// The issue editor: the outline, one item's text, saving it by itself.
// Promises: what was typed is in this browser's storage until the server has it.

import { Rich } from "./rich.js";
import { Writer } from "./writer.js";

const editor = document.querySelector(".editor[data-user]");
const outline = document.querySelector(".editor-outline");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let writer = null;
let asked = 0;
let saving = Promise.resolve();

export function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

function headers(more = {}) {
  return { "X-CSRFToken": cookie("csrftoken"), "HX-Request": "true", ...more };
}

function post(url, values) {
  return fetch(url, { method: "POST", headers: headers(), body: new URLSearchParams(values) });
}

// One item's panel

function begin() {
  const form = document.querySelector(".item-form");
  writer = null;
  if (!form) return;
  const textarea = form.elements.body;
  const locked = textarea.matches(":disabled");
  const clean = (html) => post(editor.dataset.pasted, { html });
  const rich = locked ? null : new Rich(form, clean);
  if (locked) showOnly(form);
  else writer = new Writer(form, rich, editor.dataset.user, headers);
}

// Whoever may not write sees the text as it reads.
function showOnly(form) {
  const read = document.createElement("div");
  read.className = "rich";
  read.append(form.querySelector(".rich-html").content.cloneNode(true));
  form.elements.body.replaceWith(read);
}

async function open(url, item, { push = true, focus = true } = {}) {
  const turn = ++asked;
  // What was typed must be saved before it is read again, perhaps by going back at once.
  saving = Promise.allSettled([saving, writer?.flush()]);
  await saving;
  if (turn !== asked) return;
  let response;
  try {
    response = await fetch(url, { headers: headers() });
  } catch {
    return;
  }
  if (turn !== asked) return;
  if (!response.ok) {
    location.assign(`?item=${item}`);
    return;
  }
  writer?.leave();
  const panel = document.getElementById("item");
  panel.innerHTML = await response.text();
  begin();
  if (push) history.pushState({ item }, "", `?item=${item}`);
  choose(item);
  comments(url);
  alike();
  show("item");
  if (focus) panel.querySelector(".item")?.focus();
}

function choose(item) {
  for (const link of outline?.querySelectorAll("[data-open]") ?? []) {
    const own = link.closest("li").dataset.item === String(item);
    if (own) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  rove();
}

// All items are one stop of the Tab key; from one to another lead the arrows.
function rove(to = outline?.querySelector("[data-open][aria-current]")) {
  const links = [...(outline?.querySelectorAll("[data-open]") ?? [])];
  const stop = to ?? links[0];
  for (const link of links) link.tabIndex = link === stop ? 0 : -1;
}

function comments(url) {
  const place = document.querySelector("#item-comments [hx-get]");
  if (place) window.htmx.ajax("GET", `${url}comments/`, { target: place, swap: "innerHTML" });
}

// What says the same as this item, in this issue or an earlier one or in the pool.
function alike() {
  const place = document.querySelector("#item-alike > div");
  const url = document.querySelector("#item .item")?.dataset.alike;
  if (place && url) window.htmx.ajax("GET", url, { target: place, swap: "innerHTML" });
}

// The outline

function wire() {
  if (!outline) return;
  for (const list of outline.querySelectorAll("ol[data-items]")) {
    if (!outline.querySelector("form[data-outline]")) return;
    new window.Sortable(list, {
      group: "items",
      sort: list.dataset.items !== "pool",
      draggable: "li",
      animation: calm ? 0 : 120,
      delay: 200,
      delayOnTouchOnly: true,
      onEnd: ({ item, to, newIndex, from, oldIndex }) => {
        if (to === from && newIndex === oldIndex) return;
        const into = { to: "section", section: to.dataset.items, position: newIndex, from: from.dataset.items };
        const values = to.dataset.items === "pool" ? { to: "pool" } : into;
        change(item.dataset.place, values, item.dataset.item);
      },
    });
  }
  marks();
}

// Change the order; the answer is the outline as it is then. Whoever works by keyboard stays there.
async function change(url, values, item, section) {
  const current = writer?.item ?? "";
  let response;
  try {
    response = await post(url, { ...values, item: current });
  } catch {
    location.reload();
    return;
  }
  if (!response.ok) {
    location.reload();
    return;
  }
  if (values.to === "pool" && item === String(current)) {
    // What stands in the middle is no part of the issue any more.
    location.assign(location.pathname);
    return;
  }
  const focused = document.activeElement?.closest(".editor-outline") !== null;
  outline.innerHTML = await response.text();
  choose(current);
  wire();
  if (focused && item) outline.querySelector(`#item-${item} a`)?.focus();
  else if (focused) stay(values, section);
  follow(item);
  place(item);
  changed();
}

function stay(values, section) {
  const menu = outline.querySelector(`[data-section="${section}"] .part-menu`);
  if (menu) menu.open = true;
  else outline.querySelector(".part-new").open = true;
  const same = menu?.querySelector(`[value="${values.to}"]:not(:disabled)`);
  (same ?? menu?.querySelector("summary") ?? document.getElementById("new-section")).focus();
}

// Say where the item is now, for whoever doesn't see it.
function place(item) {
  const row = item && outline.querySelector(`#item-${item}`);
  const said = document.getElementById("moved");
  if (!row) return;
  const part = row.closest(".part");
  const words = {
    title: row.querySelector(".outline-title").textContent,
    section: part?.getAttribute("aria-label"),
    number: [...row.parentElement.children].indexOf(row) + 1,
  };
  const says = part ? said.dataset.says : said.dataset.saysPool;
  said.textContent = says.replace(/{(\w+)}/g, (_, name) => words[name]);
}

// The buttons above the text name the section that the item is in.
function follow(item) {
  const select = document.getElementById("to-section");
  const list = outline.querySelector(`#item-${item}`)?.closest("ol");
  if (select && list && String(writer?.item) === String(item)) select.value = list.dataset.items;
}

function keys(event) {
  const link = event.target.closest?.("[data-open]");
  if (!link || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const row = link.closest("li");
  const up = event.key === "ArrowUp";
  if (event.altKey) {
    if (outline.querySelector("form[data-outline]")) {
      change(row.dataset.place, { to: up ? "up" : "down" }, row.dataset.item);
    }
    return;
  }
  const links = [...outline.querySelectorAll("[data-open]")];
  links[links.indexOf(link) + (up ? -1 : 1)]?.focus();
}

// Dots and meters come from the findings beside the text.
function marks() {
  if (!outline) return;
  const worst = new Map();
  for (const found of document.querySelectorAll("#proofs > .findings [data-item]")) {
    const severity = found.querySelector(".severity-error") ? "error" : "warning";
    if (worst.get(found.dataset.item) !== "error") worst.set(found.dataset.item, severity);
  }
  for (const row of outline.querySelectorAll("li[data-item]")) {
    const dot = row.querySelector(".dot");
    const severity = worst.get(row.dataset.item);
    dot.className = severity ? `dot severity-${severity}` : "dot";
    dot.textContent = severity ? { error: "■", warning: "▲" }[severity] : "";
  }
  weigh();
}

function weigh() {
  const weights = [...document.querySelectorAll("#proofs .weights li")];
  for (const part of outline.querySelectorAll(".part")) {
    const at = weights.findIndex((each) => each.firstElementChild.textContent === part.getAttribute("aria-label"));
    const meter = part.querySelector(".meter");
    meter.toggleAttribute("hidden", at < 0);
    if (at < 0) continue;
    const [found] = weights.splice(at, 1);
    const width = found.querySelector(".filled").getAttribute("width");
    meter.querySelector(".filled").setAttribute("width", width);
    meter.setAttribute("aria-label", `${found.querySelector(".number").textContent} B`);
  }
}

let telling = 0;

// Tell the other columns, once typing has paused.
function changed() {
  clearTimeout(telling);
  const tell = () => document.body.dispatchEvent(new CustomEvent("issue-changed"));
  telling = setTimeout(tell, 900);
}

// Three columns become tabs on a phone.

function show(name) {
  if (!editor || !editor.querySelector(`[data-part="${name}"]`)) return;
  editor.dataset.shows = name;
  for (const tab of editor.querySelectorAll("[data-tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
  }
}

function tabs() {
  const list = editor.querySelector(".editor-tabs");
  if (!list) return;
  list.hidden = false;
  show(editor.dataset.shows);
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (tab) show(tab.dataset.tab);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = [...list.querySelectorAll("[data-tab]")];
    const next = step && all[all.indexOf(document.activeElement) + step];
    if (next) {
      show(next.dataset.tab);
      next.focus();
    }
  });
}

// What happens on the page

document.addEventListener("click", (event) => {
  const named = event.target.closest("[data-open], #proofs .place a");
  if (!named || !outline || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const item = named.closest("[data-item]")?.dataset.item;
  const link = item && outline.querySelector(`#item-${item} [data-open]`);
  if (!link) return;
  event.preventDefault();
  open(link.dataset.open, item);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.settles) {
    Writer.forget(editor?.dataset.user, form.dataset.settles);
    if (writer) writer.unsaved = false;
    return;
  }
  const to = event.submitter?.value;
  const moves = form.matches("[data-place-form]") && ["up", "down", "section"].includes(to);
  if (outline && (moves || form.matches("[data-outline]"))) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form, event.submitter));
    const section = form.closest(".part")?.dataset.section;
    change(form.action, values, moves ? writer?.item : null, section);
    return;
  }
  if (form.matches(".item-form") || !writer?.unsaved || form.closest(".comments, #proofs")) return;
  event.preventDefault();
  const again = () => form.requestSubmit(event.submitter ?? undefined);
  writer.flush().then((saved) => saved && again());
});

document.addEventListener("keydown", keys);
outline?.addEventListener("focusin", ({ target }) => target.matches("[data-open]") && rove(target));
document.addEventListener("issue-saved", changed);
document.addEventListener("item-titled", (event) => {
  const title = outline?.querySelector(`#item-${event.detail.item} .outline-title`);
  if (title && event.detail.title) title.textContent = event.detail.title;
});
document.body.addEventListener("issue-changed", ({ detail }) => {
  const now = detail?.versions?.[writer?.item];
  if (now === undefined || now === writer.version || writer.unsaved) return;
  const link = outline?.querySelector(`#item-${writer.item} [data-open]`);
  if (link) open(link.dataset.open, writer.item, { push: false, focus: false });
});
document.body.addEventListener("issue-changed", alike);
document.body.addEventListener("htmx:afterSwap", marks);
// An ended session is told beside the text: a reload would take the page away from who writes.
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status !== 401 || !writer) return;
  event.preventDefault();
  writer.say("ended");
});
window.addEventListener("popstate", () => {
  const item = new URLSearchParams(location.search).get("item");
  const link = outline?.querySelector(item ? `#item-${item} [data-open]` : "[data-open]");
  if (link) open(link.dataset.open, link.closest("li").dataset.item, { push: false });
});
window.addEventListener("beforeunload", (event) => {
  if (writer?.unsaved) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") writer?.flush();
});

// Lengths beside subject and preheader.

for (const help of document.querySelectorAll("[data-counts]")) {
  const field = document.getElementById(help.dataset.counts);
  const tell = () => {
    const length = [...field.value].length;
    help.querySelector(".counted").textContent = length ? `${length} / ${help.dataset.most}` : "";
    help.classList.toggle("over", length > Number(help.dataset.most));
  };
  field.addEventListener("input", tell);
  tell();
}

if (editor) {
  document.documentElement.classList.add("scripted");
  tabs();
  rove();
  begin();
  const named = location.hash.match(/^#item-(\d+)$/)?.[1];
  const link = named && outline?.querySelector(`#item-${named} [data-open]`);
  if (link) open(link.dataset.open, named);
  wire();
}
