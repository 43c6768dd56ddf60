// A button that acts only when it is held: by finger, mouse, Enter or Space. It fills in what
// otherwise is typed. Whoever cannot hold (a screen reader clicks) types the number instead.

const MILLISECONDS = 1500;

for (const held of document.querySelectorAll("[data-hold]")) prepare(held);
// One that comes later, once its number is counted.
document.addEventListener("htmx:load", (event) => {
  for (const held of event.target.querySelectorAll("[data-hold]")) prepare(held);
});

function prepare(held) {
  if (held.dataset.prepared) return;
  held.dataset.prepared = "";
  const button = held.querySelector(".hold");
  const typed = held.querySelector(".typed");
  const input = typed.querySelector("input");
  const help = held.querySelector("#hold-help");
  let timer = 0;
  let typing = false;
  let done = false;

  typed.hidden = true;
  help.hidden = false;
  button.type = "button";

  const begin = () => {
    if (timer || typing || done) return;
    button.classList.add("holding");
    timer = setTimeout(finish, MILLISECONDS);
  };
  const end = () => {
    clearTimeout(timer);
    timer = 0;
    if (!done) button.classList.remove("holding");
  };
  const finish = () => {
    done = true;
    input.value = held.dataset.hold;
    button.form.requestSubmit();
    button.disabled = true;
  };

  button.addEventListener("pointerdown", (event) => {
    if (event.button === 0) begin();
  });
  for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) {
    button.addEventListener(name, end);
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (typing || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (!event.repeat) begin();
  });
  button.addEventListener("keyup", end);

  const type = () => {
    typing = true;
    typed.hidden = false;
    help.hidden = true;
    button.type = "submit";
    input.focus();
  };
  held.querySelector("[data-type-instead]").addEventListener("click", type);
  // What was typed before was not right, and is there to be mended.
  if ("typed" in held.dataset) type();

  // Back from the next page: the button can be held again, the server knows what was sent.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    done = false;
    button.disabled = false;
    button.classList.remove("holding");
    input.value = "";
  });
}
