// Swagger UI has dark colours of its own, under a class of the document: the theme of the account, else the system's.
"use strict";

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function showTheme() {
  const theme = document.documentElement.dataset.bsTheme;
  const isDark = theme ? theme === "dark" : systemIsDark.matches;
  document.documentElement.classList.toggle("dark-mode", isDark);
}

systemIsDark.addEventListener("change", showTheme);
showTheme();
