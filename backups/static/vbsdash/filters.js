// Forms of filters ask by themselves: at once when a choice is made, and when typing rests.
"use strict";

const TYPING_RESTS_MS = 400;

let typingTimer;

function filterBy(form) {
  clearTimeout(typingTimer);
  htmx.trigger(form, "filter");
}

// A field belongs to the form that sends it, wherever it stands.
function quickFilterOf(field) {
  return field.form?.dataset.quickFilter !== undefined ? field.form : null;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("select") && quickFilterOf(event.target)) filterBy(event.target.form);
});
document.addEventListener("input", (event) => {
  const form = event.target.matches("input[type=search]") && quickFilterOf(event.target);
  if (!form) return;
  clearTimeout(typingTimer);
  typingTimer = setTimeout(filterBy, TYPING_RESTS_MS, form);
});
document.addEventListener("submit", () => clearTimeout(typingTimer));

// The address of a filtered list holds no field that says nothing.
document.addEventListener("htmx:configRequest", (event) => {
  const { quickFilter, bare } = event.target.dataset;
  if (quickFilter === undefined) return;
  const { formData } = event.detail;
  for (const key of new Set([...formData.keys()])) {
    const values = formData.getAll(key).filter((value) => value.trim() !== "");
    formData.delete(key);
    for (const value of values) {
      formData.append(key, value);
    }
  }
  if (bare && ![...formData.keys()].length) {
    const [key, value] = bare.split("=");
    formData.append(key, value);
  }
});

// A filter that says nothing valid is answered by a page that says why.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (requestConfig.elt.dataset.quickFilter === undefined || xhr.status !== 400) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
