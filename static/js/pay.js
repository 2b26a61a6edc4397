// Opens WeChat's cashier for an order. What it says is never believed: the page is loaded again and asks us, a few times,
// since WeChat Pay may have been asked a moment before and is not asked twice in three seconds.
"use strict";

(() => {
  const button = document.querySelector("[data-pay]");
  const said = document.querySelector("#pay-said");
  if (!button) {
    return;
  }

  const AGAIN = 3500; // milliseconds; longer than the service lets pass between two questions about one order
  const MOST = 8;

  function say(text, { wait = false } = {}) {
    said.textContent = text;
    said.hidden = text === "";
    button.disabled = wait;
  }

  // How often this page has asked since the cashier closed; a reload keeps it, and it is not in the address.
  function ask(times) {
    history.replaceState({ confirming: times }, "");
    location.reload();
  }

  const asked = (history.state && history.state.confirming) || 0;
  if (asked > 0 && asked < MOST) {
    say("正在向微信支付确认，请稍候……", { wait: true });
    setTimeout(() => ask(asked + 1), AGAIN);
  } else if (asked > 0) {
    history.replaceState(null, "");
    say("还没有收到微信支付的确认。已经付了的，请过几分钟再刷新，不用再付。");
  }

  function bridge(parameters) {
    window.WeixinJSBridge.invoke("getBrandWCPayRequest", parameters, (answer) => {
      if (/:cancel$/.test(answer.err_msg)) {
        say("您没有付款。需要时请再点“微信支付”。");
      } else {
        ask(1);
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
