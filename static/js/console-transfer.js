/* A bank transfer is recorded: the ticked fees have to come to what the bank says, and the proof is looked at first. */
"use strict";

const form = document.getElementById("transfer-form");
const amount = document.getElementById("amount");
const proof = document.getElementById("proof");
const preview = document.getElementById("proof-preview");
const sum = document.getElementById("sum");

function ticked() {
  return [...form.querySelectorAll("input[data-fen]:checked")];
}

function ofTicked() {
  return ticked().reduce((total, one) => total + Number(one.dataset.fen), 0);
}

/** Fen as people write it: ¥1,234.50. */
function yuan(fen) {
  return `¥${Math.floor(fen / 100).toLocaleString("en-US")}.${String(fen % 100).padStart(2, "0")}`;
}

/** What the sum lacks or has too much; empty when it is what came. */
function difference() {
  const came = fenOf(amount.value);
  const fen = ofTicked();
  if (came === null || came === fen) return "";
  return came > fen ? `比金额少 ${yuan(came - fen)}` : `比金额多 ${yuan(fen - came)}`;
}

function recount() {
  const count = ticked().length;
  const off = difference();
  const isRight = count > 0 && fenOf(amount.value) === ofTicked();
  sum.textContent = count ? `已选 ${count} 项，合计 ${yuan(ofTicked())}${isRight ? "，与金额相等" : off && `，${off}`}` : "还没有选择费用";
  sum.className = isRight ? "good" : count && off ? "bad" : "soft";
}

/** What stands against sending it, said where it can be mended. */
function fits() {
  if (!looksRight(form)) return false;
  const wrong = wrongFile(proof);
  const off = difference();
  if (wrong) mark(proof, wrong);
  if (off) mark(amount, ticked().length ? `所选费用的合计 ${yuan(ofTicked())}，${off}；请核对金额和费用。` : "请在下面勾选这笔款缴的费用。");
  (wrong ? proof : off ? amount : null)?.focus();
  return !wrong && !off;
}

async function record() {
  if (!fits()) return;
  const sent = new FormData();
  for (const name of ["school_id", "received_on", "bank_reference"]) sent.set(name, form.elements[name].value.trim());
  sent.set("amount_fen", String(fenOf(amount.value)));
  sent.set("fees", ticked().map((one) => one.value).join(","));
  sent.set("file", proof.files[0]);
  const made = await handIn(form, "/transfers", sent);
  if (made === null) return;
  sayLater("转账已登记，等待另一位财务批准。");
  go(`/console/transfers/${made.id}`);
}

form.addEventListener("change", (event) => {
  if (event.target.id === "tick-all") form.querySelectorAll("input[data-fen]").forEach((one) => { one.checked = event.target.checked; });
  if (event.target === proof) { unmark(form); showProof(proof, preview); }
  form.dataset.key = ""; // something else is another request
  recount();
});
amount.addEventListener("input", recount);
form.addEventListener("submit", (event) => { event.preventDefault(); record(); });
recount();
