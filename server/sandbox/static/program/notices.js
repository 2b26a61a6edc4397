// 通知: subscriptions by one tap, which notices one wants at all, and what has come.
import { h, toast } from "../dom.js";
import { button, buttons, cell, cells, guarded, message, moment, told, toggle } from "./weui.js";

const AT_ONCE = 3; // what an old client takes

export async function show(app) {
  const [{ items: subscriptions }, { items, choices }] = await Promise.all([app.api("GET", "/subscriptions"), app.api("GET", "/notices")]);
  return [subscribing(app, subscriptions), choosing(app, choices), received(app, items)];
}

/** Long-term and one-time templates must not be asked for together. */
function subscribing(app, items) {
  if (!items.length) return null;
  const worth = items.filter((one) => one.ask);
  const isLong = worth.some((one) => one.long_term);
  const asked = worth.filter((one) => one.long_term === isLong).slice(0, AT_ONCE);
  const ask = guarded(async () => {
    const accepted = await app.runtime.subscribe(asked.map((one) => one.template_id));
    if (accepted === null) return;
    const topics = asked.filter((one) => accepted.includes(one.template_id)).map((one) => one.topic);
    if (topics.length) await app.api("POST", "/subscriptions", { accepted: topics });
    toast(topics.length ? `同意了 ${topics.length} 种提醒` : "没有同意");
    app.redraw();
  });
  const left = (one) => (one.long_term ? (one.left ? "一直有效" : "没有订阅") : `还可收 ${one.left} 条`);
  return [cells("微信里提醒我", ...items.map((one) => cell(one.title, { value: left(one) }))), asked.length > 0 && buttons(button(`订阅提醒：${asked.map((one) => one.title).join("、")}`, ask))];
}

function choosing(app, choices) {
  const turn = (choice) => async (wants) => {
    try { await app.api("POST", "/notices/choices", { choice, wants }); return true; } catch (problem) { await told(problem); return false; }
  };
  return choices.length > 0 && cells("接收哪些通知", ...choices.map((one) => toggle(one.title, one.about, one.wants, turn(one.choice))));
}

function received(app, items) {
  if (!items.length) return message("info", "还没有通知", "发给您的通知都会留在这里。");
  return [h("h2", { class: "weui-cells__title" }, "收到的通知"), items.map((one) => h("section", { class: "weui-panel" },
    h("h3", {}, one.title, one.is_new && h("em", {}, "新")), h("p", { class: "about" }, moment(one.at)),
    h("dl", { class: "lines" }, one.lines.map(({ label, value }) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    one.page && h("button", { type: "button", class: "weui-link", onclick: () => app.to(one.page) }, "去看看 ›")))];
}
