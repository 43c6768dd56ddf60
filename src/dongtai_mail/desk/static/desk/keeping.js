// What stands in a form that doesn't save by itself is kept in this browser (data-keeps names it)
// until a page shows it, or says that it was taken. A lost connection, an ended session and a closed
// page lose nothing.

const SENT = "dongtai.sent";

const key = (form) => `dongtai.form.${form.dataset.keeps}`;

function fields(form) {
  const left = ["csrfmiddlewaretoken", "do"];
  return [...form.elements].map((each) => each.name).filter((name) => name && !left.includes(name));
}

function written(form) {
  return JSON.stringify(fields(form).map((name) => [name, form.elements[name].value]));
}

function restore(form) {
  const kept = localStorage.getItem(key(form));
  if (kept === written(form)) localStorage.removeItem(key(form));
  else if (kept && !form.querySelector(".errorlist, .note")) put(form, JSON.parse(kept));
}

// The hidden ones too: they say which version the words were written for.
function put(form, kept) {
  for (const [name, value] of kept) {
    const field = form.elements[name];
    if (!field || field.type === "file" || field.value === value) continue;
    field.value = value;
    field.closest("details")?.setAttribute("open", "");
  }
}

function restoreAll(root) {
  for (const form of root.querySelectorAll("form[data-keeps]")) restore(form);
}

const sent = sessionStorage.getItem(SENT);
sessionStorage.removeItem(SENT);
if (sent && document.querySelector(".messages .success")) localStorage.removeItem(sent);
const facts = document.querySelector("[data-facts-saved]");
if (facts) localStorage.removeItem(`dongtai.form.${facts.dataset.factsSaved}`);

restoreAll(document);

document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-keeps]");
  if (form) localStorage.setItem(key(form), written(form));
});
document.addEventListener("submit", ({ target }) => {
  if (target.dataset.keeps && !target.hasAttribute("hx-post")) sessionStorage.setItem(SENT, key(target));
});
// A form that htmx sends is taken once its answer has come, which may have put another in its place;
// what the answer puts there is restored.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const form = detail.requestConfig?.elt;
  if (form?.dataset.keeps && detail.successful) localStorage.removeItem(key(form));
});
document.addEventListener("htmx:load", ({ target }) => restoreAll(target));
