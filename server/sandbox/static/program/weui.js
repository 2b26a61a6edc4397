// WeUI's pieces, as far as the pages need them.
import { h, toast } from "../dom.js";
import { sheet } from "../sheet.js";
import { NotConnected } from "./runtime.js";

export const title = (text) => h("h2", { class: "weui-cells__title" }, text);

/** A group of rows under a title; rows that are nothing are left out. */
export const cells = (name, ...rows) => [name && title(name), h("div", { class: "weui-cells" }, rows)];

/** A row: plain, or a button that leads on. */
export function cell(name, { note, value, onclick, tone } = {}) {
  const inner = [h("span", { class: "weui-cell__bd" }, h("span", {}, name), note && h("small", {}, note)), value != null && h("span", { class: `weui-cell__ft ${tone ?? ""}` }, value)];
  return onclick ? h("button", { type: "button", class: "weui-cell weui-cell_access", onclick }, inner) : h("div", { class: "weui-cell" }, inner);
}

export function button(text, onclick, { plain = false, warn = false } = {}) {
  return h("button", { type: onclick ? "button" : "submit", class: `weui-btn ${plain ? "weui-btn_plain" : ""} ${warn ? "weui-btn_warn" : ""}`, onclick }, text);
}

export const buttons = (...all) => h("div", { class: "weui-btn-area" }, all);

/** A labelled field in a row. */
export function field(id, label, attributes = {}) {
  return h("div", { class: "weui-cell" }, h("label", { class: "weui-label", for: id }, label), h("input", { class: "weui-input", type: "text", id, name: id, autocomplete: "off", ...attributes }));
}

/** A switch in a row; `turn` gives whether it was done. */
export function toggle(name, note, isOn, turn) {
  const box = h("input", { type: "checkbox", class: "weui-switch", role: "switch", checked: isOn });
  box.addEventListener("change", async () => { box.disabled = true; if (!await turn(box.checked)) box.checked = !box.checked; box.disabled = false; });
  return h("label", { class: "weui-cell" }, h("span", { class: "weui-cell__bd" }, h("span", {}, name), note && h("small", {}, note)), box);
}

const SIGNS = { info: ["i", "信息"], warn: ["!", "注意"], success: ["✓", "成功"], wait: ["…", "等待"] };

/** WeUI's message page: one sign, one sentence, what to do. */
export function message(sign, name, text, ...rest) {
  return h("section", { class: "weui-msg" }, h("span", { class: `weui-icon ${sign}`, "aria-hidden": "true" }, SIGNS[sign][0]), h("h2", {}, name), text && h("p", {}, text), rest.length > 0 && buttons(rest));
}

export const loading = () => h("p", { class: "weui-loading", role: "status" }, h("i", { "aria-hidden": "true" }), "正在加载…");

/** Work behind a button: not twice at once, and a refusal is told in the service's own words. */
export function guarded(work) {
  return async (event) => {
    event?.preventDefault();
    const pressed = event?.submitter ?? event?.currentTarget;
    if (pressed?.disabled) return;
    if (pressed) pressed.disabled = true;
    try { await work(event); } catch (problem) { await told(problem); } finally { if (pressed) pressed.disabled = false; }
  };
}

export async function told(problem) {
  if (problem instanceof NotConnected) toast(problem.message);
  else await sheet(problem.message, [], ["知道了"]);
}

export const yuan = (fen) => `￥${(fen / 100).toFixed(2)}`;
const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", year: "numeric", month: "long", day: "numeric" });
export const moment = (text) => (text ? clock.format(new Date(text)) : "");
export const day = (text) => (text ? days.format(new Date(text.length === 10 ? `${text}T00:00:00+08:00` : text)) : "");
