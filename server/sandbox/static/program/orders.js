// 缴费: what is owed, an order over what is chosen, wx.requestPayment, and what became of it.
import { h, toast } from "../dom.js";
import { button, buttons, cell, cells, day, guarded, message, moment, yuan } from "./weui.js";

export async function show(app) {
  const { fees, orders } = await app.api("GET", "/orders");
  const wanted = orders.find((one) => String(one.id) === app.query.id);
  const owed = owing(app, fees);
  if (!fees.length && !orders.length) return message("success", "没有要缴的费用", "以后有了，会在这里看到。");
  return [wanted && single(app, wanted), owed, orders.length > 0 && cells("订单", ...orders.map((one) => row(app, one)))];
}

function owing(app, fees) {
  if (!fees.length) return null;
  const total = h("b", {}, yuan(fees.reduce((sum, one) => sum + one.amount_fen, 0)));
  const sum = () => { total.textContent = yuan(fees.filter((_, place) => boxes[place].checked).reduce((all, one) => all + one.amount_fen, 0)); };
  const boxes = fees.map((one) => h("input", { type: "checkbox", name: "fee", value: one.id, checked: true, onchange: sum }));
  const order = guarded(async () => {
    const chosen = fees.filter((_, place) => boxes[place].checked).map((one) => one.id);
    if (!chosen.length) { toast("先选要缴的费用"); return; }
    const made = await app.api("POST", "/orders", { fees: chosen });
    await pay(app, made.id);
  });
  return [...cells("应缴的费用", ...fees.map((one, place) => h("label", { class: "weui-cell" }, boxes[place], h("span", { class: "weui-cell__bd" }, h("span", {}, one.plan), h("small", {}, `考试日期 ${day(one.exam_date)}`)), h("span", { class: "weui-cell__ft" }, yuan(one.amount_fen))))),
    h("p", { class: "sum" }, "合计 ", total), buttons(button("去付款", order))];
}

/** What the client says proves nothing: the orders are asked for anew. */
async function pay(app, id) {
  const isDone = await app.runtime.pay(await app.api("POST", `/orders/${id}/pay`));
  toast(isDone ? "付款完成，正在确认" : "没有付款");
  app.tab(`pages/orders/index?id=${id}`);
  app.redraw();
}

function single(app, one) {
  return h("section", { class: "weui-panel result" }, h("p", { class: "about" }, one.description), h("h2", { class: `verdict ${one.state === "paid" ? "good" : ""}` }, one.state_label), h("p", { class: "name" }, yuan(one.total_fen)),
    h("dl", { class: "lines" }, [["订单号", one.number], ["付款时间", moment(one.paid_at)], ["已退款", one.refunded_fen ? yuan(one.refunded_fen) : ""], ["请在此前付款", one.is_payable_here ? moment(one.expires_at) : ""]].filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    one.is_payable_here && button("微信支付", guarded(() => pay(app, one.id))), button("刷新", app.redraw, { plain: true }));
}

function row(app, one) {
  return cell(one.description, { note: `${yuan(one.total_fen)} · ${one.number}`, value: one.state_label, onclick: () => app.to(`pages/orders/index?id=${one.id}`) });
}
