/* What the bank has paid back of an order is recorded with its slip, which is looked at first. */
"use strict";

const form = document.getElementById("bank-refund-form");
const proof = document.getElementById("bank-proof");

async function record() {
  if (!looksRight(form)) return;
  const wrong = wrongFile(proof);
  if (wrong) {
    mark(proof, wrong);
    proof.focus();
    return;
  }
  const sent = new FormData();
  for (const name of ["order_id", "paid_on", "bank_reference", "reason"]) sent.set(name, form.elements[name].value.trim());
  sent.set("amount_fen", String(fenOf(form.elements.amount_fen.value)));
  sent.set("file", proof.files[0]);
  const made = await handIn(form, "/bank-refunds", sent);
  if (made === null) return;
  sayLater("银行退款已登记，等待另一位财务批准。");
  go(`/console/bank-refunds/${made.id}`);
}

form.addEventListener("change", (event) => {
  if (event.target === proof) { unmark(form); showProof(proof, document.getElementById("bank-proof-preview")); }
  form.dataset.key = ""; // something else is another request
});
form.addEventListener("submit", (event) => { event.preventDefault(); record(); });
