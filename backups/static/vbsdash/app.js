// Small help for pages that work without it: copy, exact times, what was said.
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
  say("Copied");
});

// The browser's zone: the server writes times in it, unless the account names one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`tz=${zone};`)) {
  document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax`;
}

// One sentence for everybody: seen for a while, read out once.
function say(text) {
  const said = document.getElementById("said");
  if (!said) return;
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 6000);
}
document.addEventListener("said", (event) => say(event.detail.value));

// Exact times also on focus and tap: the title in a box beside the time.
const tip = document.getElementById("tip");
function hide() {
  if (!tip || tip.hidden) return;
  tip.hidden = true;
  document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
}
document.addEventListener("focusin", (event) => {
  hide();
  const time = event.target.closest && event.target.closest("time[title]");
  if (!time || !tip) return;
  tip.textContent = time.title;
  tip.hidden = false;
  time.setAttribute("aria-describedby", "tip");
  const at = time.getBoundingClientRect();
  const left = Math.min(at.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${at.bottom + 4 + scrollY}px`;
});
document.addEventListener("focusout", hide);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

// A menu closes with Escape and when something else is pressed.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.activeElement.closest("details.menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
