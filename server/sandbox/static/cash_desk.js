// The cashier over whatever the phone shows: asked for by a page, by the mini-program or by a scanned code.
import { h, toast } from "./dom.js";

async function ask(path, body) {
  const answer = await fetch(`/phone/api/pay/${path}`, { method: "POST", body: JSON.stringify(body) });
  return answer.status === 404 && !answer.headers.get("content-type")?.includes("json") ? { problem: "沙箱没有商户，不能支付。" } : answer.json();
}

/** Shows the sheet's page until it has been answered; gives what it says. */
function shown(sheet) {
  return new Promise((done) => {
    const frame = h("iframe", { class: "web", title: "微信支付", src: sheet.page });
    const over = h("section", { class: "over", role: "dialog", "aria-modal": "true", "aria-label": "微信支付" }, frame);
    const hear = (event) => {
      if (event.source !== frame.contentWindow || !event.data?.pay) return;
      removeEventListener("message", hear);
      over.remove();
      done(event.data.pay);
    };
    addEventListener("message", hear);
    document.querySelector(".phone").append(over);
  });
}

async function called(phone, via, params, page) {
  const sheet = await ask(`${phone.person}/call`, { via, params, page });
  if (sheet.token) return (await shown(sheet)).result;
  toast(sheet.problem);
  return sheet.result ?? { err_msg: "get_brand_wcpay_request:fail", errMsg: `${via}:fail` };
}

/** getBrandWCPayRequest of the page at this address; wx.chooseWXPay comes this way too. */
export const payByPage = (phone, args, page) => called(phone, "WeixinJSBridge", args, page);

/** wx.requestPayment of a mini-program's page: what its client hears. */
export const payForProgram = (phone, params) => called(phone, "requestPayment", params, "");

/** A code_url from the camera; a picture from the album is refused. */
export async function payByScan(phone, text, how = "camera") {
  const sheet = await ask(`${phone.person}/scan`, { text, how });
  if (sheet.token) await shown(sheet);
  else toast(sheet.problem);
}

/** The console's wx.requestPayment: its argument as the service gave it. */
export function payments(phone) {
  const out = h("div", { class: "code", hidden: true, "aria-live": "polite" });
  const box = h("textarea", { id: "payment", spellcheck: "false", placeholder: '{"timeStamp": "…", "nonceStr": "…", "package": "prepay_id=…", "signType": "RSA", "paySign": "…"}' });
  const pay = async (event) => {
    event.preventDefault();
    let params;
    try { params = JSON.parse(box.value); } catch { toast("不是有效的 JSON"); return; }
    const told = await called(phone, "requestPayment", params, "");
    out.hidden = false;
    out.textContent = told?.errMsg ?? "";
  };
  return h("section", { class: "panel pad" }, h("h2", {}, "wx.requestPayment"), h("form", { onsubmit: pay },
    h("label", { for: "payment" }, "服务端给的支付参数"), box, h("div", { class: "two" }, h("button", { class: "button plain" }, "支付"))), out);
}
