// The page of a mailing under way asks again every two seconds, and seldom while nobody looks.

const SEEN = 2000;
const HIDDEN = 30000;
let timer = 0;

function look() {
  clearTimeout(timer);
  const progress = document.querySelector("#progress[data-live]");
  if (!progress) return;
  if (window.htmx) window.htmx.trigger(progress, "look");
  timer = setTimeout(look, document.hidden ? HIDDEN : SEEN);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
timer = setTimeout(look, SEEN);
