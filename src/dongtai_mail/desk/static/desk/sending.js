// Whoever picks a time means that time: choose its radio button with it.

document.addEventListener("input", (event) => {
  const radio = event.target.dataset?.chooses;
  if (radio && event.target.value) document.getElementById(radio).checked = true;
});

// A time that is not meant any more is not sent along.
document.addEventListener("change", (event) => {
  if (event.target.name !== "when" || event.target.value === "at") return;
  const at = document.getElementById("id_at");
  if (at) at.value = "";
}, true);
