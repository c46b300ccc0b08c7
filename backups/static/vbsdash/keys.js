// Keys: / j k Enter r x a ?, never inside a field and only where the account wants them.
"use strict";

const ROWS = "[data-rows] > *";
const PICKS = "#rows input[name=id], #rows input[name=backup_ids], #rows input[name=volume]";

function currentRow() {
  return document.activeElement.closest(ROWS);
}

// What a row leads to, else what it can be picked by; a row that is only read takes the focus itself.
function focusRow(row) {
  const link = row.querySelector("th a[href], h3 a[href]") ?? row.querySelector("a[href]");
  const stop = link ?? row.querySelector("input[type=checkbox]") ?? row;
  if (stop === row) row.tabIndex = -1;
  stop.focus();
  row.scrollIntoView({ block: "nearest" });
}

function moveBy(step) {
  const rows = [...document.querySelectorAll(ROWS)];
  if (!rows.length) return;
  const last = rows.length - 1;
  const current = rows.indexOf(currentRow());
  let next;
  if (current >= 0) {
    next = Math.max(0, Math.min(last, current + step));
  } else {
    next = step > 0 ? 0 : last;
  }
  focusRow(rows[next]);
}

function pickCurrentRow() {
  currentRow()?.querySelector("input[type=checkbox]")?.click();
}

function canRefresh() {
  return Boolean(document.getElementById("refresh-selected") || document.querySelector("form[action$='/refresh/']"));
}

// On the list: the picked rows, or else the current one. On the page of a backup: that backup.
function refresh() {
  const button = document.getElementById("refresh-selected");
  if (!button) {
    document.querySelector("form[action$='/refresh/']")?.requestSubmit();
    return;
  }
  const box = currentRow()?.querySelector("input[name=id]");
  if (box && !document.querySelector("input[name=id]:checked")) box.click();
  button.click();
}

async function goAdd() {
  const link = document.getElementById("go-add");
  if (!link) return;
  if (await isThere()) {
    link.click();
  } else {
    showNotice(`Nothing was opened: ${sinceWhen()}.`);
  }
}

function helpDialog() {
  return document.getElementById("help");
}

const ACTIONS = {
  "/": () => document.getElementById("q")?.focus(),
  j: () => moveBy(1),
  k: () => moveBy(-1),
  x: pickCurrentRow,
  r: refresh,
  a: goAdd,
  "?": () => helpDialog()?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.body.dataset.keys === "off" || document.querySelector("dialog[open]")) return;
  const field = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const action = ACTIONS[event.key];
  if (field || !action) return;
  event.preventDefault();
  action();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-help]") || !helpDialog()) return;
  event.preventDefault();
  helpDialog().showModal();
});

// Picked rows: how many there are, and a box that picks all of this page at once.
function showPicked() {
  const boxes = [...document.querySelectorAll(PICKS)];
  const count = boxes.filter((box) => box.checked).length;
  const label = document.getElementById("picked");
  if (label) label.textContent = count ? `${count} selected` : "None selected";
  const pickAll = document.getElementById("pick-all");
  if (!pickAll) return;
  pickAll.hidden = false;
  pickAll.checked = count > 0 && count === boxes.length;
  pickAll.indeterminate = count > 0 && count < boxes.length;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "pick-all") {
    for (const box of document.querySelectorAll(PICKS)) {
      box.checked = event.target.checked;
    }
  }
  showPicked();
});
document.addEventListener("htmx:afterSwap", showPicked);
document.addEventListener("DOMContentLoaded", showPicked);
