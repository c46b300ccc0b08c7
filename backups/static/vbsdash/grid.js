// Loads what the grid of days does under a hand (grid_days.js) when the first one comes near: it is no part of the first page.
"use strict";

const gridScript = document.currentScript.dataset.rest;
const GRID_EVENTS = ["pointerover", "focusin"];

function loadGrid(event) {
  if (!event.target.closest?.("[data-grid]")) return;
  for (const name of GRID_EVENTS) document.removeEventListener(name, loadGrid);
  const script = document.createElement("script");
  script.src = gridScript;
  document.head.append(script);
}

for (const name of GRID_EVENTS) document.addEventListener(name, loadGrid);
document.addEventListener("DOMContentLoaded", () => {
  for (const hint of document.querySelectorAll("[data-script][hidden]")) hint.hidden = false;
});
