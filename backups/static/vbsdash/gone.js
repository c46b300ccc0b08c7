// When vbsdash does not answer, that is said where the person looks, what was typed stays, and it is tried again.
"use strict";

const ANSWER_MS = 5000; // how long a form waits for a sign that vbsdash is there
const AGAIN_MS = 5000; // after which a filter that was not answered asks again
const HALF_A_DAY_MS = 12 * 3600 * 1000;

let answeredAt = Date.now();
let isGone = false;

// What a proxy says of a server that it does not reach (502, 504) is no answer of vbsdash either.
function isAnswer(status) {
  return status > 0 && status < 500;
}

function sinceWhen() {
  const words = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: document.body.dataset.zone };
  if (Date.now() - answeredAt > HALF_A_DAY_MS) words.weekday = "short";
  return `no answer since ${new Intl.DateTimeFormat("en-GB", words).format(answeredAt)}`;
}

function noteAnswer(status) {
  isGone = !isAnswer(status);
  if (!isGone) answeredAt = Date.now();
  const banner = document.getElementById("gone");
  if (!banner || banner.hidden === !isGone) return;
  banner.hidden = !isGone;
  banner.setAttribute("role", "alert");
  // It is filled when it is shown, so that it is read out once.
  banner.textContent = isGone ? `vbsdash: ${sinceWhen()}. This page shows what was known then, and asks again by itself.` : "";
}

// The sentence beside a form; the next try takes it away.
function refusalOf(form) {
  return form.parentElement.querySelector(":scope > [data-not-sent]");
}

function sayNotSent(form, sentence) {
  if (refusalOf(form)) return;
  const note = document.createElement("p");
  note.className = "note note-fail";
  note.dataset.notSent = "";
  note.setAttribute("role", "alert");
  note.textContent = sentence;
  form.after(note);
}

function afterAnswer(element) {
  if (element.dataset.quickFilter !== undefined) refusalOf(element)?.remove();
  if (element.closest("dialog")) refusalOf(element.form)?.remove();
}

function afterSilence(element) {
  if (element.dataset.quickFilter !== undefined) {
    sayNotSent(element, `Not filtered: ${sinceWhen()}. What you chose is kept and asked for again by itself.`);
    setTimeout(() => element.isConnected && refusalOf(element) && filterBy(element), AGAIN_MS);
  } else if (element.closest("dialog")) {
    sayNotSent(element.form, `Not searched: ${sinceWhen()}. Type on to ask again.`);
  } else if (element.dataset.poll === undefined) {
    showNotice(`Nothing was done: ${sinceWhen()}. What you chose and typed is kept.`);
  }
}

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr } = event.detail;
  if (!xhr.status) return; // cut, or given up for a newer one: the events below know which
  noteAnswer(xhr.status);
  if (isGone) {
    afterSilence(elt);
  } else {
    afterAnswer(elt);
  }
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    noteAnswer(0);
    afterSilence(event.detail.elt);
  });
}

async function isThere() {
  try {
    const answer = await fetch(document.body.dataset.health, {
      method: "HEAD",
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    noteAnswer(answer.status);
  } catch {
    noteAnswer(0);
  }
  return !isGone;
}

// A form that the browser sends into the void is lost with all that was typed: look first whether anybody is there.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const isPost = form.getAttribute("method")?.toLowerCase() === "post";
  if (!isPost || event.defaultPrevented || form.dataset.looked === "yes") return;
  event.preventDefault();
  if (form.dataset.looked === "now") return; // pressed twice
  refusalOf(form)?.remove();
  form.dataset.looked = "now";
  if (await isThere()) {
    form.dataset.looked = "yes";
    form.requestSubmit(event.submitter);
  } else {
    sayNotSent(form, `Not sent: ${sinceWhen()}. What you typed is kept: send it again.`);
  }
  delete form.dataset.looked;
});
