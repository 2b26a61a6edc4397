/* A school chooses what it pays: the ticked fees, their sum, and one order over them. */
"use strict";

const order = document.getElementById("order-chosen");

function chosen() {
  return [...document.querySelectorAll("input[data-fen]:checked")];
}

/** Fen as people write it: ¥1,234.50. */
function yuan(fen) {
  return `¥${Math.floor(fen / 100).toLocaleString("en-US")}.${String(fen % 100).padStart(2, "0")}`;
}

function recount() {
  const ticked = chosen();
  const fen = ticked.reduce((sum, one) => sum + Number(one.dataset.fen), 0);
  order.disabled = ticked.length === 0;
  order.textContent = ticked.length ? `去付款（${ticked.length} 项，${yuan(fen)}）` : "去付款";
}

async function orderThem() {
  order.disabled = true;
  try {
    const fees = chosen().map((one) => Number(one.value));
    const made = await api("POST", "/orders", { fees }, key(order));
    go(`/console/orders/${made.order.id}/pay`);
  } catch (error) {
    newKey(order, error);
    if (!error.isOver) say(document.getElementById("said"), error.message);
    recount();
  }
}

if (order) {
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      document.querySelectorAll("input[data-fen]").forEach((one) => { one.checked = event.target.checked; });
    }
    order.dataset.key = ""; // other fees are another request
    recount();
  });
  order.addEventListener("click", orderThem);
  recount();
}
