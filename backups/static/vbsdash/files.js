// Files that are dropped onto a field, or chosen, are read into it: their text is checked like any
// other before something is written. Without this script a chosen file is sent with the form.
"use strict";

// Editors and spreadsheets also write UTF-16, which begins with a mark, and Windows-1252.
function decoded(bytes) {
  const [first, second] = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  const field = document.getElementById(input.dataset.into);
  const most = Number(input.dataset.mostBytes);

  async function readInto(files) {
    const texts = field.value.trim() ? [field.value.trimEnd()] : [];
    let size = 0;
    for (const file of files) {
      size += file.size;
      if (size > most) {
        showNotice(`${file.name} is too large: at most ${most / 2 ** 20} MiB at once.`);
        return;
      }
      texts.push(decoded(await file.arrayBuffer()));
    }
    field.value = texts.join("\n");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  input.addEventListener("change", async () => {
    await readInto(input.files);
    // It is in the field now, so it is not sent once more.
    input.value = "";
  });
  field.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    field.classList.add("is-over");
  });
  field.addEventListener("dragleave", () => field.classList.remove("is-over"));
  field.addEventListener("drop", (event) => {
    field.classList.remove("is-over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    readInto(event.dataTransfer.files);
  });
}
