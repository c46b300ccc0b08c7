// Charts: a readout of the day under the pointer, or under the arrow keys, and marks that lead to their list. What is read out stands in
// the table below the chart, which is there without any script: each row names its place, and its links are those of the mark.
"use strict";

const chartCursor = document.createElement("div");
chartCursor.className = "chart-cursor";
chartCursor.setAttribute("aria-hidden", "true");
chartCursor.hidden = true;
document.body.append(chartCursor);

let shownRow = null; // of the table, in the chart that has the pointer or the focus

function chartOf(target) {
  return target.closest?.("[data-chart]");
}

// Oldest first, as they stand in the chart; the table begins with the newest.
function rowsOf(chart) {
  return [...chart.querySelectorAll("tr[data-at]")].reverse();
}

function rowNear(chart, place) {
  let nearest = null;
  for (const row of rowsOf(chart)) {
    const distance = Math.abs(Number(row.dataset.at) - place);
    if (!nearest || distance < nearest.distance) nearest = { row, distance };
  }
  return nearest?.row;
}

function readOut(chart, row) {
  if (!row || row === shownRow) return;
  shownRow = row;
  const readout = chart.querySelector("[data-readout]");
  const [day, ...cells] = row.cells;
  const heads = [...row.closest("table").tHead.rows[0].cells].slice(1);
  const name = document.createElement("b");
  name.textContent = day.textContent.trim();
  readout.replaceChildren(name, ": ");
  cells.forEach((cell, place) => {
    if (place) readout.append(", ");
    const [first] = cell.children;
    readout.append(first ? first.cloneNode(true) : cell.textContent.trim(), ` ${heads[place].dataset.word || heads[place].textContent.trim()}`);
  });
  const box = chart.querySelector("svg").getBoundingClientRect();
  chartCursor.style.left = `${box.left + Number(row.dataset.at) * box.width + scrollX}px`;
  chartCursor.style.top = `${box.top + scrollY}px`;
  chartCursor.style.height = `${box.height}px`;
  chartCursor.hidden = false;
}

function leaveChart() {
  shownRow = null;
  chartCursor.hidden = true;
}

function placeOf(chart, event) {
  const box = chart.querySelector("svg").getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

function openMark(row, names) {
  for (const name of names) {
    const link = row.querySelector(`[data-of="${name}"] a`);
    if (link) {
      location.assign(link.href);
      return;
    }
  }
}

document.addEventListener("pointermove", (event) => {
  const svg = event.target.closest?.("[data-chart] svg");
  const chart = svg && chartOf(svg);
  if (chart) {
    readOut(chart, rowNear(chart, placeOf(chart, event).x));
  } else if (shownRow && !chartOf(document.activeElement)) {
    leaveChart();
  }
});

// Above the zero line a press opens the good ones, below it what failed.
document.addEventListener("click", (event) => {
  const svg = event.target.closest?.("[data-chart] svg");
  if (!svg) return;
  const chart = chartOf(svg);
  const place = placeOf(chart, event);
  const row = rowNear(chart, place.x);
  readOut(chart, row);
  if (row && event.pointerType === "mouse") openMark(row, place.y < Number(chart.dataset.zero) ? ["good"] : ["failed"]);
});

document.addEventListener("focusin", (event) => {
  const svg = event.target.closest?.("[data-chart] svg");
  if (svg) readOut(chartOf(svg), shownRow && chartOf(svg).contains(shownRow) ? shownRow : rowsOf(chartOf(svg)).at(-1));
});
document.addEventListener("focusout", (event) => {
  if (event.target.closest?.("[data-chart] svg")) leaveChart();
});
addEventListener("scroll", () => {
  chartCursor.hidden = true;
}, { passive: true, capture: true });

const CHART_STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const svg = event.target.closest?.("[data-chart] svg");
  if (!svg || event.ctrlKey || event.metaKey || event.altKey) return;
  const chart = chartOf(svg);
  const rows = rowsOf(chart);
  if (event.key === "Enter") {
    event.preventDefault();
    if (shownRow) openMark(shownRow, ["failed", "good"]);
    return;
  }
  if (event.key === "Escape") leaveChart();
  const step = CHART_STEPS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const place = shownRow ? rows.indexOf(shownRow) : rows.length;
  readOut(chart, rows[Math.max(0, Math.min(rows.length - 1, place + step))]);
});

document.addEventListener("DOMContentLoaded", () => {
  for (const readout of document.querySelectorAll("[data-readout][hidden]")) readout.hidden = false;
});
