/* The QR that a school pays by: until when, and, asked of our server every three seconds, whether it is paid. */
"use strict";

const page = document.getElementById("pay-page");
const EVERY = 3000;
const ends = performance.now() + Number(page.dataset.left) * 1000;
const at = (id) => document.getElementById(id);

function status(kind, text) {
  at("pay-status").className = "qr-status " + kind;
  at("pay-say").textContent = text;
}

function finish(kind, text, label) {
  clearInterval(ticking);
  at("pay-qr")?.remove();
  at("pay-time")?.remove();
  at("pay-done").hidden = false;
  at("pay-done").className = "qr-done " + kind;
  at("pay-done-text").textContent = label;
  status(kind, text);
}

function tick() {
  const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
  const minutes = Math.floor(left / 60);
  const shown = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
  if (at("pay-left")) at("pay-left").textContent = shown;
  if (left === 0 && at("pay-qr")) { // a payment of the last second is still heard of
    at("pay-frame").classList.add("stale");
    status("wait", "付款期限已过，二维码已失效；没有付款的，请重新下单。");
  }
}

async function ask() {
  try {
    const now = await api("GET", `/orders/${page.dataset.order}`);
    at("pay-link").textContent = "";
    if (now.paid_at) return finish("good", "已支付，费用已缴清。", now.state_label);
    if (now.state !== "pending") return finish("wait", "这个订单没有付款，已不能再付；请重新下单。", now.state_label);
  } catch (error) {
    if (error.isOver) return;
    at("pay-link").textContent = "暂时连接不上服务器，正在重试……";
  }
  setTimeout(ask, EVERY);
}

const ticking = setInterval(tick, 1000);
tick();
setTimeout(ask, EVERY);
