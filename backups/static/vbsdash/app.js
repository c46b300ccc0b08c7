// Small help for pages that also work without it: copy buttons, exact times, notices, menus.
"use strict";

const NOTICE_MS = 6000;

// A copy button copies the text of the element whose ID stands in its data-copy.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent.trim());
  button.dataset.done = "1";
  button.setAttribute("aria-label", "Copied");
  button.title = "Copied";
  showNotice("Copied");
});

// The browser's time zone: the server writes times in it, unless the account names one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`tz=${zone};`)) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `tz=${zone}; path=${document.body.dataset.path}; max-age=31536000; samesite=lax${secure}`;
}

// A notice is one sentence, seen for some seconds and read out once.
let noticeTimer;

function showNotice(text) {
  const notice = document.getElementById("notice");
  if (!notice) return;
  notice.textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    notice.textContent = "";
  }, NOTICE_MS);
}

document.addEventListener("notice", (event) => showNotice(event.detail.value));

// Exact times are shown on focus and tap too: the title, in a box beside the time.
const tip = document.getElementById("tip");

function showTip(time) {
  tip.textContent = time.title;
  tip.hidden = false;
  time.setAttribute("aria-describedby", "tip");
  const box = time.getBoundingClientRect();
  const rightmost = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const left = Math.max(8, Math.min(box.left, rightmost));
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${box.bottom + 4 + scrollY}px`;
}

function hideTip() {
  if (!tip || tip.hidden) return;
  tip.hidden = true;
  document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
}

document.addEventListener("focusin", (event) => {
  hideTip();
  const time = event.target.closest && event.target.closest("time[title]");
  if (time && tip) showTip(time);
});
document.addEventListener("focusout", hideTip);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});

// A menu closes with Escape and when something else is pressed.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement.closest("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
