// The grid of days: a card under the pointer, the arrow keys, and a drag or Shift and click that opens the list of some days.
// A row is a line of cells, or with many days one drawing; both are asked by the number of a day. Nothing in the table is changed, so
// that a poll can put in what is new: card and frame lie above it.
"use strict";

const CARD_DELAY_MS = 180;
const DAY_S = 86400;
const DAY_MS = DAY_S * 1000;
const WITH_BACKUPS = "Figcx"; // as in backups/web/grid.py
const LONGEST_ADDRESS = 3500; // of a list; the server takes 4,094 characters

let pick = null; // the days that are being picked: {table, row, from, to, isDragged}; row null: of all rows
let hasDragged = false; // the click that ends a drag is none
let cardDay = null; // the day that the card is about: {table, row, number}
let lastPointer = "mouse";
let cardTimer;
const answers = new Map(); // of the server, by address

function element(className, role) {
  const made = document.createElement("div");
  made.className = className;
  made.hidden = true;
  if (role) made.setAttribute("role", role);
  document.body.append(made);
  return made;
}

const card = element("day-card", "status");
const frame = element("day-marked");
frame.setAttribute("aria-hidden", "true");

function dayCount(table) {
  return table.querySelector("tr[data-states]")?.dataset.states.length || 0;
}

// The cells of a row by day; of a drawing there is one for all.
function cellsOf(row) {
  return [...row.querySelectorAll(".c, .d")];
}

// Which day of which row is at this place of the page? Null when it is none. The head stands for all rows.
function dayAt(target, clientX) {
  const cell = target.closest?.("[data-grid] .c, [data-grid] .d, [data-grid] .track");
  if (!cell) return null;
  const table = cell.closest("[data-grid]");
  const row = cell.closest("tr");
  const count = dayCount(table);
  if (!count) return null;
  let number;
  if (cell.classList.contains("track")) {
    const box = cell.querySelector("svg").getBoundingClientRect();
    number = Math.floor(((clientX - box.left) / box.width) * count);
    number = Math.max(0, Math.min(count - 1, number));
  } else {
    number = cellsOf(row).indexOf(cell);
  }
  return { table, row: row.dataset.states ? row : null, line: row, number };
}

// Where a day, or some in a row, stand on the page.
function boxOf(line, from, to, count) {
  const cells = cellsOf(line);
  if (cells.length) {
    const first = cells[from].getBoundingClientRect();
    const last = cells[to].getBoundingClientRect();
    return { left: first.left, right: last.right, top: first.top, bottom: first.bottom };
  }
  const box = line.querySelector(".track svg").getBoundingClientRect();
  const width = box.width / count;
  return { left: box.left + from * width, right: box.left + (to + 1) * width, top: box.top, bottom: box.bottom };
}

function dateOf(table, number) {
  return new Date(Date.parse(`${table.dataset.first}T00:00:00Z`) + number * DAY_MS);
}

function dayText(table, number) {
  const parts = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", parts).format(dateOf(table, number)).replace(",", "");
}

// Days begin at midnights of the reader's zone: the server names those that do not follow the one before by 24 hours.
function beginOf(table, number) {
  let begin = 0;
  for (const pair of table.dataset.begins.split(" ")) {
    const [at, seconds] = pair.split("=").map(Number);
    if (at > number) break;
    begin = seconds + (number - at) * DAY_S;
  }
  return begin;
}

function instant(seconds) {
  return new Date(seconds * 1000).toISOString().replace(".000", "");
}

// The address of a disk's page, which holds cloud and ID. A disk whose ID fits in no address has none, and no list of its days.
function pageOf(row) {
  return row.dataset.page || row.querySelector("th a")?.getAttribute("href") || "";
}

function listAddress(table, row, from, to) {
  const rows = row ? [row] : [...table.querySelectorAll("tr[data-states]")];
  const keys = new URLSearchParams();
  for (const one of rows) {
    const [, id] = pageOf(one).match(/([^/]+)\/$/) || [];
    const volume = id && decodeURIComponent(id);
    if (volume && !keys.getAll("volume_id").includes(volume)) keys.append("volume_id", volume);
  }
  if (!keys.size) return "";
  keys.set("created_at_after", instant(beginOf(table, from)));
  keys.set("created_at_before", instant(beginOf(table, to + 1) - 1));
  return `${table.dataset.list}?${keys}`;
}

function openList({ table, row, from, to }) {
  const address = listAddress(table, row, Math.min(from, to), Math.max(from, to));
  if (!address) return;
  if (address.length > LONGEST_ADDRESS) {
    showCardText(table, null, [`The names of ${table.querySelectorAll("tr[data-states]").length} disks are too long for one address: filter the disks first.`]);
    return;
  }
  location.assign(address);
}

function showFrame(line, from, to, count) {
  const box = boxOf(line, Math.min(from, to), Math.max(from, to), count);
  frame.style.left = `${box.left + scrollX}px`;
  frame.style.top = `${box.top + scrollY}px`;
  frame.style.width = `${box.right - box.left}px`;
  frame.style.height = `${box.bottom - box.top}px`;
  frame.hidden = false;
}

function placeCard(box) {
  card.hidden = false;
  const rightmost = document.documentElement.clientWidth - card.offsetWidth - 8;
  card.style.left = `${Math.max(8, Math.min(box.left, rightmost)) + scrollX}px`;
  const below = box.bottom + 6;
  const fits = below + card.offsetHeight < innerHeight;
  card.style.top = `${(fits ? below : Math.max(8, box.top - card.offsetHeight - 6)) + scrollY}px`;
}

function showCardText(table, box, lines) {
  card.replaceChildren();
  for (const text of lines) {
    const line = document.createElement("p");
    line.textContent = text;
    card.append(line);
  }
  placeCard(box || table.getBoundingClientRect());
}

function titleOf(row) {
  return row.dataset.title || row.querySelector("th bdi").textContent;
}

function isCardAbout({ row, number }) {
  return cardDay && cardDay.row === row && cardDay.number === number && !card.hidden;
}

function showCard(day) {
  const { table, row, line, number } = day;
  const count = dayCount(table);
  cardDay = day;
  const box = boxOf(line, number, number, count);
  if (!row) {
    showCardText(table, box, [`${dayText(table, number)}: all disks of this page`]);
    return;
  }
  const letter = row.dataset.states[number];
  const word = JSON.parse(table.dataset.words)[letter];
  showCardText(table, box, [`${titleOf(row)} · ${dayText(table, number)}`, word]);
  const isUnkept = (row.dataset.unkept || "").split(" ").includes(String(number));
  if (pageOf(row) && (isUnkept || WITH_BACKUPS.includes(letter))) addDetails(day, box);
}

// What was made on the day, from the server: asked once for each day and page.
async function addDetails(day, box) {
  const date = dateOf(day.table, day.number).toISOString().slice(0, 10);
  const address = `${pageOf(day.row)}day/${date}/`;
  if (!answers.has(address)) {
    answers.set(address, fetch(address, { headers: { "HX-Request": "true" } }).then((answer) => (answer.ok && !answer.redirected ? answer.text() : "")));
  }
  let text = "";
  try {
    text = await answers.get(address);
  } catch {
    answers.delete(address); // The next look asks again.
  }
  if (!text || !isCardAbout(day)) return;
  const details = new DOMParser().parseFromString(text, "text/html").body;
  card.append(...details.childNodes);
  placeCard(box);
}

// While there is a card, the browser shows no title of its own.
let quieted = null;

function quiet(element) {
  if (quieted) quieted.element.title = quieted.title;
  quieted = element?.title ? { element, title: element.title } : null;
  if (quieted) element.title = "";
}

function hideCard() {
  clearTimeout(cardTimer);
  quiet(null);
  card.hidden = true;
  cardDay = null;
}

function endPick() {
  pick?.table.classList.remove("picking");
  pick = null;
  frame.hidden = true;
}

document.addEventListener("pointerdown", (event) => {
  lastPointer = event.pointerType;
  const day = dayAt(event.target, event.clientX);
  if (!day) {
    if (!card.contains(event.target)) hideCard();
    return;
  }
  hasDragged = false;
  if (event.button !== 0 || event.pointerType !== "mouse" || event.shiftKey) return;
  pick = { ...day, from: day.number, to: day.number, isDragged: false };
});

document.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "mouse") return;
  const day = dayAt(event.target, event.clientX);
  if (pick && event.buttons === 1) {
    if (!day || day.table !== pick.table) return;
    if (day.number !== pick.to) {
      pick.to = day.number;
      pick.isDragged = true;
      pick.table.classList.add("picking");
      hideCard();
    }
    if (pick.isDragged) showFrame(pick.line, pick.from, pick.to, dayCount(pick.table));
    return;
  }
  if (!day) {
    if (!card.contains(event.target)) hideCard();
    return;
  }
  if (isCardAbout(day)) return;
  quiet(event.target.closest("[title]"));
  clearTimeout(cardTimer);
  cardTimer = setTimeout(showCard, card.hidden ? CARD_DELAY_MS : 40, day);
});

document.addEventListener("pointerup", () => {
  if (!pick?.isDragged) return;
  const picked = pick;
  endPick();
  hasDragged = true;
  openList(picked);
});

document.addEventListener("dragstart", (event) => {
  if (event.target.closest("[data-grid]")) event.preventDefault();
});

// A click opens a day's list where there is one; with Shift that of all days from the last one on. A finger gets the card first.
let anchor = null;
document.addEventListener("click", (event) => {
  if (hasDragged) {
    event.preventDefault();
    hasDragged = false;
    return;
  }
  const day = dayAt(event.target, event.clientX);
  if (!day || event.ctrlKey || event.metaKey) return;
  if (event.shiftKey && anchor?.table === day.table && anchor.row === day.row) {
    event.preventDefault();
    openList({ ...day, from: anchor.number, to: day.number });
    return;
  }
  anchor = day;
  if (lastPointer !== "mouse") {
    event.preventDefault();
    showCard(day);
    return;
  }
  pick = null;
  if (event.shiftKey) {
    event.preventDefault();
    showFrame(day.line, day.number, day.number, dayCount(day.table));
  } else if (!day.row || WITH_BACKUPS.includes(day.row.dataset.states[day.number])) {
    event.preventDefault();
    openList({ ...day, from: day.number, to: day.number });
  }
});

// By keyboard: the arrow keys go from day to day of a row, with Shift they pick, Enter opens the list, Escape ends it.
let cursor = null; // {row, number, from}: of the row that has the focus

function focusedDay() {
  const cell = document.activeElement?.closest?.("[data-grid] tr[data-states] .c, [data-grid] tr[data-states] .track");
  if (!cell) return null;
  const row = cell.closest("tr");
  const table = cell.closest("[data-grid]");
  const cells = cellsOf(row);
  let number = cells.indexOf(cell);
  if (!cells.length) number = cursor?.row === row ? cursor.number : dayCount(table) - 1;
  return { table, row, line: row, number };
}

function showFocused() {
  const day = focusedDay();
  if (day && lastPointer !== "touch") showCard(day);
}

document.addEventListener("focusin", showFocused);
document.addEventListener("focusout", (event) => {
  if (!card.contains(event.relatedTarget)) hideCard();
});

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    hideCard();
    if (pick?.isDragged) hasDragged = true;
    endPick();
    cursor = null;
    anchor = null;
    return;
  }
  lastPointer = "mouse";
  const day = focusedDay();
  if (!day || event.ctrlKey || event.metaKey || event.altKey) return;
  const begin = cursor?.row === day.row && cursor.from !== null ? cursor.from : day.number;
  if (event.key === "Enter") {
    event.preventDefault();
    openList({ ...day, from: begin, to: day.number });
    return;
  }
  const step = STEPS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const count = dayCount(day.table);
  const number = Math.max(0, Math.min(count - 1, day.number + step));
  cursor = { row: day.row, number, from: event.shiftKey ? begin : null };
  const cells = cellsOf(day.row);
  if (cells.length) {
    cells[number].focus();
    cells[number].scrollIntoView({ block: "nearest", inline: "nearest" });
  } else {
    showCard({ ...day, number });
  }
  showFrame(day.row, event.shiftKey ? begin : number, number, count);
  if (event.shiftKey) {
    const days = Math.abs(begin - number) + 1;
    showCardText(day.table, boxOf(day.row, number, number, count), [`${days} days: Enter opens their list, Escape ends it.`]);
  }
});

addEventListener("scroll", () => {
  if (!pick) frame.hidden = true;
}, { passive: true, capture: true });
addEventListener("pagehide", () => {
  hideCard();
  endPick();
});
showFocused(); // What has the focus had it loaded (grid.js).
