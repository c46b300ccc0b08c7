// Polls for a page's live region: asks at a pace, puts in only what changed, and rests while the page is hidden.
"use strict";

const FAST_MS = 15000; // how long it is polled each second after something was asked of a cloud
const LONGEST_PAUSE_S = 60;
const MOST_DOUBLINGS = 6;
const CLOCKS_DIFFER_MS = 5000;

let updatedAt = Date.now();
let failures = 0; // polls in a row that were not answered
let timer;

// Ages are told by the server's clock where this machine's clock differs from it.
const skewMs = Number(document.body.dataset.now) * 1000 - Date.now();

function serverNow() {
  return Date.now() + (Math.abs(skewMs) > CLOCKS_DIFFER_MS ? skewMs : 0);
}

function liveRegion() {
  return document.querySelector("[data-poll]");
}

function pollFast() {
  sessionStorage.setItem("poll-fast-until", String(Date.now() + FAST_MS));
  schedulePoll();
}

function pollsFast() {
  return Number(sessionStorage.getItem("poll-fast-until") || 0) > Date.now();
}

function schedulePoll() {
  clearTimeout(timer);
  const region = liveRegion();
  if (!region || document.hidden) return;
  const seconds = pollsFast() ? 1 : Number(region.dataset.pollSeconds) || 30;
  timer = setTimeout(poll, Math.min(LONGEST_PAUSE_S, seconds * 2 ** failures) * 1000);
}

function poll() {
  const region = liveRegion();
  if (region && !document.hidden) htmx.trigger(region, "poll");
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
  } else {
    poll();
  }
});
// A page that the browser kept, and the button Back shows again, is as old as when it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) poll();
});
document.addEventListener("poll-fast", pollFast);
document.addEventListener("submit", (event) => {
  if (event.target.closest("[data-poll-fast]")) pollFast();
});
document.addEventListener("DOMContentLoaded", () => {
  schedulePoll();
  updateTimes();
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});
document.addEventListener("htmx:configRequest", (event) => {
  const { etag } = event.target.dataset;
  if (etag) event.detail.headers["If-None-Match"] = `"${etag}"`;
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  const region = liveRegion();
  // While a poll was on its way the reader may have chosen another list.
  const isOld = event.target === region && pathInfo.requestPath !== region.getAttribute("hx-get");
  if (xhr.status === 304 || isOld) {
    event.detail.shouldSwap = false;
    return;
  }
  // A session that ran out leads to the sign-in page: show that page, do not swap it into this one.
  const answeredUrl = new URL(xhr.responseURL || location.href, location.href);
  const requestedUrl = new URL(pathInfo.requestPath, location.href);
  if (answeredUrl.pathname !== requestedUrl.pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== liveRegion()) return;
  const { status } = event.detail.xhr;
  if (isAnswer(status)) {
    failures = 0;
    updatedAt = Date.now();
  } else {
    failures = Math.min(MOST_DOUBLINGS, failures + 1);
  }
  updateTimes();
  schedulePoll();
});

// The swap style "morph" puts in what changed and touches nothing else: focus, checked boxes, open menus and
// the scroll position stay.
htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) => {
    if (style !== "morph") return false;
    const wanted = fragment.querySelector ? fragment.querySelector(`#${CSS.escape(target.id)}`) : null;
    if (!wanted) return [];
    const focused = document.activeElement;
    const added = []; // elements that htmx has yet to process
    morph(target, wanted, added);
    if (focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
    return added;
  },
});

function morph(current, wanted, added) {
  if (current.isEqualNode(wanted) || current.dataset?.keep !== undefined) return;
  if (current.nodeType !== wanted.nodeType || current.nodeName !== wanted.nodeName) {
    current.replaceWith(wanted);
    if (wanted.nodeType === Node.ELEMENT_NODE) added.push(wanted);
    return;
  }
  if (current.nodeType !== Node.ELEMENT_NODE) {
    current.nodeValue = wanted.nodeValue;
    return;
  }
  const path = current.getAttribute("hx-get");
  morphAttributes(current, wanted);
  if (current.getAttribute("hx-get") !== path) added.push(current); // It asks for something else from now on.
  morphChildren(current, wanted, added);
}

function morphAttributes(current, wanted) {
  for (const { name, value } of [...wanted.attributes]) {
    if (current.getAttribute(name) !== value) current.setAttribute(name, value);
  }
  for (const { name } of [...current.attributes]) {
    const setByReader = name === "open" || name === "aria-describedby" || name === "checked";
    if (!wanted.hasAttribute(name) && !setByReader) current.removeAttribute(name);
  }
}

// Children with an ID are matched by it and moved; the others are matched by their place and tag name.
function morphChildren(current, wanted, added) {
  const childrenById = new Map();
  for (const child of current.children) {
    if (child.id) childrenById.set(child.id, child);
  }
  let place = current.firstChild;
  for (const wantedChild of [...wanted.childNodes]) {
    const sameId = wantedChild.id ? childrenById.get(wantedChild.id) : undefined;
    if (sameId) {
      if (sameId === place) {
        place = place.nextSibling;
      } else {
        current.insertBefore(sameId, place);
      }
      morph(sameId, wantedChild, added);
    } else if (place && !wantedChild.id && !place.id && place.nodeName === wantedChild.nodeName) {
      const following = place.nextSibling;
      morph(place, wantedChild, added);
      place = following;
    } else {
      current.insertBefore(wantedChild, place);
      if (wantedChild.nodeType === Node.ELEMENT_NODE) added.push(wantedChild);
    }
  }
  while (place) {
    const following = place.nextSibling;
    place.remove();
    place = following;
  }
}

// Between two polls ages go on, in the same words as span() of templatetags/formatting.py.
const AGE_UNITS = [
  { fromSeconds: 2 * 365 * 86400, seconds: 365 * 86400, name: "y" },
  { fromSeconds: 2 * 86400, seconds: 86400, name: "d" },
  { fromSeconds: 2 * 3600, seconds: 3600, name: "h" },
];

function span(seconds) {
  for (const unit of AGE_UNITS) {
    if (seconds >= unit.fromSeconds) return `${Math.floor(seconds / unit.seconds)} ${unit.name}`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes > 60) return `1 h ${minutes - 60} min`;
  if (minutes === 60) return "1 h";
  if (minutes > 0) return `${minutes} min`;
  return `${Math.floor(seconds)} s`;
}

function relative(seconds) {
  return seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

function updateTimes() {
  if (document.hidden) return;
  const now = serverNow();
  for (const time of document.querySelectorAll("time[data-t]")) {
    const age = (now - Date.parse(time.dateTime)) / 1000;
    const text = time.dataset.t === "ago" ? relative(age) : span(Math.max(0, age));
    if (time.textContent !== text) time.textContent = text;
  }
  const note = document.getElementById("updated");
  if (note && liveRegion()) {
    const age = span((Date.now() - updatedAt) / 1000);
    note.textContent = failures ? sinceWhen() : `updated ${age} ago`;
    note.classList.toggle("is-unk", failures > 0);
  }
}

setInterval(updateTimes, 1000);

// Paper says when it was printed, and when the page was last answered.
function minuteOf(ms) {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

addEventListener("beforeprint", () => {
  const paper = document.getElementById("paper");
  if (!paper) return;
  const skew = serverNow() - Date.now();
  document.getElementById("known-at").textContent = minuteOf(updatedAt + skew);
  document.getElementById("printed-at").textContent = `, printed at ${minuteOf(serverNow())}`;
});
