// Opens WeChat's cashier for an order. What it says is never believed: the page is loaded again and asks us.
"use strict";

(() => {
  const button = document.querySelector("[data-pay]");
  const said = document.querySelector("#pay-said");
  if (!button) {
    return;
  }

  function say(text) {
    said.textContent = text;
    said.hidden = text === "";
    button.disabled = false;
  }

  function bridge(parameters) {
    window.WeixinJSBridge.invoke("getBrandWCPayRequest", parameters, (answer) => {
      if (/:cancel$/.test(answer.err_msg)) {
        say("您没有付款。需要时请再点“微信支付”。");
      } else {
        location.reload();
      }
    });
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.pay, { method: "POST", headers: { accept: "application/json" } });
      const told = await answer.json();
      if (!answer.ok) {
        say(told.detail || "现在不能付款，请稍后再试。");
      } else if (window.WeixinJSBridge) {
        bridge(told);
      } else {
        document.addEventListener("WeixinJSBridgeReady", () => bridge(told), { once: true });
        setTimeout(() => window.WeixinJSBridge || say("请在微信里打开本页付款。"), 3000);
      }
    } catch {
      say("网络不通，没有付款。请稍后再试。");
    }
  });
})();
