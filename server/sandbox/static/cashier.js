// The cashier's sheet: one answer, told to the window that shows it.
const sheet = document.querySelector("main");
const told = document.querySelector(".told");
const buttons = document.querySelector(".answers");

buttons.addEventListener("click", async (event) => {
  const { act, why } = event.target.dataset;
  if (!act) return;
  for (const button of buttons.children) button.disabled = true;
  const token = sheet.dataset.token;
  const answer = await fetch(`/phone/api/pay/sheet/${token}`, { method: "POST", body: JSON.stringify({ act, why }) });
  const outcome = await answer.json();
  buttons.hidden = true;
  told.hidden = false;
  told.textContent = outcome.paid ? "支付成功" : act === "cancel" ? "已取消" : outcome.problem;
  window.parent.postMessage({ pay: { token, paid: outcome.paid === true, result: outcome.result ?? null } }, "*");
});
