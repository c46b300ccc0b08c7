// Keys: / j k Enter r x a ?, never inside a field and only where the account wants them.
"use strict";

const rows = () => [...document.querySelectorAll("[data-rows] > [id]")];
const current = () => document.activeElement.closest("[data-rows] > [id]");

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))];
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
}

function select() {
  const box = current()?.querySelector("input[type=checkbox]");
  if (box) box.click();
}

function refresh() {
  const bulk = document.getElementById("refresh-selected");
  if (!bulk) { document.querySelector("form[action$='/refresh/']")?.requestSubmit(); return; }
  const box = current()?.querySelector("input[name=id]");
  if (box && !document.querySelector("input[name=id]:checked")) box.click();
  bulk.click();
}

const HELP = () => document.getElementById("help");
const DO = {
  "/": () => document.getElementById("q")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: select,
  r: refresh,
  a: () => document.getElementById("go-add")?.click(),
  "?": () => HELP()?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.body.dataset.keys === "off" || HELP()?.open) return;
  const field = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (field || !DO[event.key]) return;
  event.preventDefault();
  DO[event.key]();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-help]") || !HELP()) return;
  event.preventDefault();
  HELP().showModal();
});

// Ticked rows: how many, and all of this page at once.
const PICKS = "#rows input[name=id], #rows input[name=backup_ids]";
function count() {
  const picked = document.getElementById("picked");
  const boxes = [...document.querySelectorAll(PICKS)];
  const n = boxes.filter((box) => box.checked).length;
  if (picked) picked.textContent = n ? `${n} selected` : "None selected";
  const all = document.getElementById("pick-all");
  if (!all) return;
  all.hidden = false;
  all.checked = n > 0 && n === boxes.length;
  all.indeterminate = n > 0 && n < boxes.length;
}
document.addEventListener("change", (event) => {
  if (event.target.id === "pick-all") {
    for (const box of document.querySelectorAll(PICKS)) box.checked = event.target.checked;
  }
  count();
});
document.addEventListener("htmx:afterSwap", count);
document.addEventListener("DOMContentLoaded", count);
