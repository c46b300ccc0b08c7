// Small help for pages that work without it.
"use strict";

// Copy buttons: the text of the element that data-copy names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent.trim());
  button.dataset.done = "1";
  button.setAttribute("aria-label", "Copied");
  button.title = "Copied";
});

// A hidden tab asks nothing; when it is looked at again, it asks at once.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  const live = document.querySelector("[data-live]");
  if (!document.hidden && live) htmx.trigger(live, "look");
});

// A session that ran out leads to the sign-in page: show that page, do not swap it into this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
  const asked = new URL(event.detail.pathInfo.requestPath, location.href);
  if (answered.pathname !== asked.pathname) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// "updated 4 s ago", without a live region.
let updated = Date.now();
const age = document.getElementById("updated");
document.addEventListener("htmx:afterSwap", () => { updated = Date.now(); });
if (age && document.querySelector("[data-live]")) {
  setInterval(() => {
    if (!document.hidden) age.textContent = `updated ${Math.round((Date.now() - updated) / 1000)} s ago`;
  }, 1000);
}

// Exact times also in the reader's zone.
function local(event) {
  const time = event.target.closest && event.target.closest("time[title]");
  if (!time || time.dataset.local) return;
  time.dataset.local = "1";
  time.title += ` · ${new Date(time.dateTime).toLocaleString()} here`;
}
document.addEventListener("pointerover", local);
document.addEventListener("focusin", local);

// "/" goes to the search.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const search = document.getElementById("q");
  if (search) { event.preventDefault(); search.focus(); }
});
