// The cashier's sheet: one answer; then, when the person has read it, the window that shows the sheet is told.
const sheet = document.querySelector("main");
const told = document.querySelector(".told");
const buttons = document.querySelector(".answers");
const done = document.querySelector(".done");

function leave(outcome) {
  window.parent.postMessage({ pay: { token: sheet.dataset.token, paid: outcome.paid === true, result: outcome.result ?? null } }, location.origin);
}

buttons.addEventListener("click", async (event) => {
  const { act, why } = event.target.dataset;
  if (!act) return;
  for (const button of buttons.children) button.disabled = true;
  const answer = await fetch(`/phone/api/pay/sheet/${sheet.dataset.token}`, { method: "POST", body: JSON.stringify({ act, why }) });
  const outcome = await answer.json();
  if (act === "cancel") { leave(outcome); return; }
  buttons.hidden = true;
  told.hidden = done.hidden = false;
  told.textContent = outcome.paid ? "支付成功" : outcome.problem;
  done.addEventListener("click", () => leave(outcome), { once: true });
  done.focus();
});
