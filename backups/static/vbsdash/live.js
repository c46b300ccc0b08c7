// The page keeps itself up to date: asks at a pace, puts in only what changed, is silent when nobody looks.
"use strict";

const BOOST = 15000; // ms of a question each second, after something was asked of a cloud
const live = () => document.querySelector("[data-live]");
let updated = Date.now();
let failed = 0; // questions in a row without an answer
let timer;
const skew = Number(document.body.dataset.now) * 1000 - Date.now(); // between the server's clock and this one
const clock = () => Date.now() + (Math.abs(skew) > 5000 ? skew : 0);

function boosted() { return Number(sessionStorage.getItem("boost") || 0) > Date.now(); }
function boost() {
  sessionStorage.setItem("boost", String(Date.now() + BOOST));
  plan();
}

function plan() {
  clearTimeout(timer);
  const region = live();
  if (!region || document.hidden) return;
  const seconds = boosted() ? 1 : Number(region.dataset.every) || 30;
  timer = setTimeout(look, Math.min(60, seconds * 2 ** failed) * 1000);
}

function look() {
  const region = live();
  if (region && !document.hidden) htmx.trigger(region, "look");
}

document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else look(); });
document.addEventListener("boost", boost);
document.addEventListener("submit", (event) => { if (event.target.closest("[data-boost]")) boost(); });
document.addEventListener("DOMContentLoaded", () => { plan(); tick(); });

document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) event.preventDefault(); });
document.addEventListener("htmx:configRequest", (event) => {
  const etag = event.target.dataset.etag;
  if (etag) event.detail.headers["If-None-Match"] = `"${etag}"`;
  if (event.target.dataset.quick !== undefined) { // an address without the fields that say nothing
    const { formData } = event.detail;
    for (const key of new Set([...formData.keys()])) {
      const said = formData.getAll(key).filter((value) => value !== "");
      formData.delete(key);
      for (const value of said) formData.append(key, value);
    }
  }
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  if (xhr.status === 304) { event.detail.shouldSwap = false; return; }
  // A session that ran out leads to the sign-in page: show that page, do not swap it into this one.
  const answered = new URL(xhr.responseURL || location.href, location.href);
  const asked = new URL(pathInfo.requestPath, location.href);
  if (answered.pathname !== asked.pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== live()) return;
  const { xhr } = event.detail;
  failed = xhr.status >= 200 && xhr.status < 400 ? 0 : Math.min(6, failed + 1);
  if (!failed) updated = Date.now();
  tick();
  plan();
});

// Put in what changed and touch nothing else: focus, checked boxes, open menus and scroll stay.
htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) => {
    if (style !== "morph") return false;
    const wanted = fragment.querySelector ? fragment.querySelector(`#${CSS.escape(target.id)}`) : null;
    if (!wanted) return [];
    const focused = document.activeElement;
    const fresh = [];
    const path = target.getAttribute("hx-get");
    morph(target, wanted, fresh);
    if (target.getAttribute("hx-get") !== path) fresh.push(target); // another list from now on
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    return fresh;
  },
});

function morph(have, want, fresh) {
  if (have.isEqualNode(want) || have.dataset?.keep !== undefined) return;
  if (have.nodeType !== want.nodeType || have.nodeName !== want.nodeName) {
    have.replaceWith(want);
    if (want.nodeType === Node.ELEMENT_NODE) fresh.push(want);
    return;
  }
  if (have.nodeType !== Node.ELEMENT_NODE) { have.nodeValue = want.nodeValue; return; }
  attributes(have, want);
  children(have, want, fresh);
}

function attributes(have, want) {
  for (const { name, value } of [...want.attributes]) {
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  for (const { name } of [...have.attributes]) {
    const own = name === "open" || name === "aria-describedby" || name === "checked";
    if (!want.hasAttribute(name) && !own) have.removeAttribute(name);
  }
}

function children(have, want, fresh) {
  const byId = new Map([...have.children].filter((one) => one.id).map((one) => [one.id, one]));
  let at = have.firstChild;
  for (const next of [...want.childNodes]) {
    const same = next.id ? byId.get(next.id) : undefined;
    if (same) {
      if (same === at) at = at.nextSibling; else have.insertBefore(same, at);
      morph(same, next, fresh);
    } else if (at && !next.id && !at.id && at.nodeName === next.nodeName) {
      const after = at.nextSibling;
      morph(at, next, fresh);
      at = after;
    } else {
      have.insertBefore(next, at);
      if (next.nodeType === Node.ELEMENT_NODE) fresh.push(next);
    }
  }
  while (at) { const after = at.nextSibling; at.remove(); at = after; }
}

// Between two answers the clock goes on: the same words as templatetags/formatting.py.
function span(seconds) {
  for (const [least, unit, name] of [[63072000, 31536000, "y"], [172800, 86400, "d"], [7200, 3600, "h"]]) {
    if (seconds >= least) return `${Math.floor(seconds / unit)} ${name}`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return minutes > 60 ? `1 h ${minutes - 60} min` : "1 h";
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}
function tick() {
  if (document.hidden) return;
  const now = clock();
  for (const time of document.querySelectorAll("time[data-t]")) {
    const length = (now - Date.parse(time.dateTime)) / 1000;
    const ago = length >= 0 ? `${span(length)} ago` : `in ${span(-length)}`;
    const text = time.dataset.t === "ago" ? ago : span(Math.max(0, length));
    if (time.textContent !== text) time.textContent = text;
  }
  const note = document.getElementById("updated");
  if (note && live()) {
    const age = span((Date.now() - updated) / 1000);
    note.textContent = failed ? `no answer for ${age}` : `updated ${age} ago`;
    note.classList.toggle("is-unk", failed > 0);
  }
}
setInterval(tick, 1000);
