/* Files are dropped onto a field that takes one; beside it nothing happens: a page with work in it is not left for a file. */
"use strict";

(() => {
  const holdsFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => { if (holdsFiles(event)) event.preventDefault(); });
  }
  for (const input of document.querySelectorAll('.field > input[type="file"]')) {
    const field = input.parentElement;
    field.classList.add("drop-here");
    for (const name of ["dragenter", "dragover"]) field.addEventListener(name, (event) => { if (holdsFiles(event)) field.classList.add("over"); });
    for (const name of ["dragleave", "drop"]) field.addEventListener(name, () => field.classList.remove("over"));
    field.addEventListener("drop", (event) => {
      const files = event.dataTransfer?.files;
      if (!files?.length || input.disabled) return;
      event.preventDefault();
      if (files.length > 1) { toast("一次放一个文件；请只拖一个。", "bad"); return; }
      input.files = files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }
})();
