// Ctrl-K: go to an ID, a name, a cause, a page or an action, from any page and by the keyboard alone.
"use strict";

const palette = document.getElementById("palette");
const paletteField = document.getElementById("palette-q");

function openPalette() {
  if (!palette || document.querySelector("dialog[open]")) return;
  const button = document.getElementById("palette-refresh");
  if (button) button.hidden = !canRefresh();
  palette.showModal();
  paletteField.select();
  htmx.trigger(paletteField, "again"); // without a text it names all pages
}

// What Down and Up go through, the field first.
function paletteStops() {
  return [paletteField, ...palette.querySelectorAll("button:not([hidden]), #palette-rows a")];
}

function moveInPalette(step) {
  const stops = paletteStops();
  const current = stops.indexOf(document.activeElement);
  const next = Math.max(0, Math.min(stops.length - 1, current + step));
  stops[next].focus();
}

document.addEventListener("keydown", (event) => {
  const isPaletteKey = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
  if (!isPaletteKey || !palette) return;
  event.preventDefault(); // of the browser's own search
  openPalette();
});
document.addEventListener("click", (event) => {
  if (!palette || !event.target.closest("[data-palette]")) return;
  event.preventDefault();
  openPalette();
});
palette?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  moveInPalette(step);
});
// Enter in the field opens the first row, as soon as what was typed has its answer.
let opensFirst = false;

function openFirst() {
  const rows = document.querySelector("#palette-rows #goto-rows");
  if (!opensFirst || rows?.dataset.q !== paletteField.value.trim()) return;
  opensFirst = false;
  rows.querySelector("a")?.click();
}

document.getElementById("palette-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  opensFirst = true;
  openFirst();
});
paletteField?.addEventListener("input", () => {
  opensFirst = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "palette-rows") return;
  const count = event.target.querySelectorAll("a").length;
  document.getElementById("palette-count").textContent = count === 1 ? "1 row" : `${count} rows`;
  openFirst();
});
// A click beside it closes it.
palette?.addEventListener("click", (event) => {
  if (event.target === palette) palette.close();
});
document.getElementById("palette-refresh")?.addEventListener("click", () => {
  palette.close();
  refresh();
});
