/* A correction is asked for: only the fields of its kind, and the formal letter is looked at before it is sent. */
"use strict";

const form = document.getElementById("correction-form");
const kind = document.getElementById("kind");
const proof = document.getElementById("proof");
const preview = document.getElementById("proof-preview");
const FIELDS = { person: ["name", "id_number"], placement: ["plan", "level"], score: ["subject", "status", "score"], reissue: [] };

function showKind() {
  form.querySelectorAll("[data-of]").forEach((part) => { part.hidden = part.dataset.of !== kind.value; });
}

/** What stands against sending it, said where it can be mended. */
function fits() {
  if (!looksRight(form)) return false;
  const wrong = wrongFile(proof);
  if (wrong) { mark(proof, wrong); proof.focus(); return false; }
  const wanted = FIELDS[kind.value];
  if (["person", "placement"].includes(kind.value) && !wanted.some((name) => form.elements[name].value.trim())) {
    mark(form.elements[wanted[0]], "请填写有错误的一项。");
    form.elements[wanted[0]].focus();
    return false;
  }
  return true;
}

async function ask() {
  if (!fits()) return;
  const sent = new FormData();
  for (const name of ["kind", "about", "reason", ...FIELDS[kind.value]]) {
    const value = form.elements[name].value.trim();
    if (value) sent.set(name, value);
  }
  sent.set("file", proof.files[0]);
  const made = await handIn(form, "/corrections", sent);
  if (made === null) return;
  sayLater("更正已提出，等待另一个人对照函件批准。");
  go(`/console/corrections/${made.id}`);
}

form.addEventListener("change", (event) => {
  if (event.target === kind) showKind();
  if (event.target === proof) { unmark(form); showProof(proof, preview); }
});
form.addEventListener("input", (event) => {
  form.dataset.key = ""; // something else is another request
  if (event.target.closest("[data-of]")) unmark(form);
});
form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
showKind();
