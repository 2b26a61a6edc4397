// The console behind the mini-program: what it was opened with, wx.login, the phone number, subscriptions, and a request console.
import { h, bar, toast } from "./dom.js";
import { sheet } from "./sheet.js";
import { payments } from "./cash_desk.js";
import { askSubscription } from "./webview.js";

const kept = (phone) => `token ${phone.person}`;

function launched(phone) {
  const open = phone.program;
  if (!open) return null;
  const query = Object.fromEntries(new URLSearchParams(open.query ?? ""));
  return h("section", { class: "panel" }, h("h2", {}, "打开方式"),
    h("p", {}, `页面 ${open.page}，场景值 ${open.scene}`),
    h("div", { class: "code" }, `onLoad(query)：\n${JSON.stringify(Object.fromEntries(new URLSearchParams(open.query).size ? open.query.split("&").map((p) => p.split(/=(.*)/s).slice(0, 2)) : []), null, 2)}\n\ndecodeURIComponent 之后：\n${JSON.stringify(query, null, 2)}`));
}

function codes(phone) {
  const out = h("div", { class: "code", hidden: true, "aria-live": "polite" });
  const told = (text) => { out.hidden = false; out.textContent = text; };
  const login = async () => { const said = await phone.act("login"); if (said) told(`wx.login\ncode: ${said.code}\n（5 分钟内用一次）`); };
  const number = async () => {
    const { person, mp } = phone.state;
    const chosen = await sheet(`${mp.name} 申请获取并验证你的手机号`, [h("p", { class: "asked" }, person.mobile)], ["允许", "不允许"]);
    if (chosen !== "允许") { told("getPhoneNumber:fail user deny"); return; }
    const said = await phone.tell("phone_code");
    if (said.problem) told(`${said.problem}\nerrno: ${said.errCode ?? ""}`);
    else told(`getPhoneNumber:ok\ncode: ${said.code}\n（5 分钟内用一次；换号码要收费）`);
  };
  const data = async () => { const said = await phone.act("user_data"); if (said) told(JSON.stringify(said, null, 2)); };
  const button = (name, onclick) => h("button", { class: "button plain", type: "button", onclick }, name);
  return h("section", { class: "panel" }, h("h2", {}, "登录与手机号"),
    h("div", { class: "two" }, button("wx.login", login), button("手机号", number), button("getUserInfo", data)), out);
}

function subscriptions(phone, said = "") {
  const { subscriptions: templates } = phone.state.mp;
  if (!templates.length) return null;
  const out = h("div", { class: "code", hidden: !said, "aria-live": "polite" }, said);
  const ask = async (event) => {
    event.preventDefault();
    const chosen = new FormData(event.target);
    const ids = templates.map(({ id }) => id).filter((id) => chosen.has(id));
    const { answers, problem } = await askSubscription(phone, "mp", ids);
    const told = answers ? JSON.stringify({ errMsg: "requestSubscribeMessage:ok", ...answers }, null, 2) : problem;
    panel.replaceWith(subscriptions(phone, told));
  };
  const form = h("form", { onsubmit: ask }, templates.map(({ id, title, left }) => h("label", { class: "ask" },
    h("input", { type: "checkbox", name: id, checked: true }), h("span", {}, title, h("small", {}, left === null ? "　长期" : `　还可发 ${left} 次`)))),
    h("div", { class: "two" }, h("button", { class: "button plain" }, "requestSubscribeMessage")));
  const panel = h("section", { class: "panel" }, h("h2", {}, "订阅消息"), form, out);
  return panel;
}

async function filled(phone, text) {
  for (const [mark, act] of [["{{code}}", "login"], ["{{phone_code}}", "phone_code"]]) {
    if (text.includes(mark)) text = text.replaceAll(mark, (await phone.act(act))?.code ?? "");
  }
  return text;
}

function requests(phone) {
  const out = h("div", { class: "answer", "aria-live": "polite" });
  const token = h("input", { type: "text", id: "token", value: sessionStorage.getItem(kept(phone)) ?? "", autocomplete: "off" });
  const method = h("select", { id: "method", "aria-label": "方法" }, ["POST", "GET", "PUT", "DELETE"].map((name) => h("option", {}, name)));
  const path = h("input", { type: "text", id: "path", value: "/", autocomplete: "off", "aria-label": "请求的路径" });
  const body = h("textarea", { id: "body", spellcheck: "false" });
  body.value = '{"code": "{{code}}"}';
  const send = async (event) => {
    event.preventDefault();
    const asked = { method: method.value, path: await filled(phone, path.value), token: token.value, body: method.value === "GET" ? "" : await filled(phone, body.value) };
    const told = await (await fetch("/phone/proxy", { method: "POST", body: JSON.stringify(asked) })).json();
    let shown = told.text ?? "";
    try {
      const parsed = JSON.parse(shown);
      shown = JSON.stringify(parsed, null, 2);
      if (typeof parsed.token === "string") { token.value = parsed.token; sessionStorage.setItem(kept(phone), parsed.token); toast("已记下 token"); }
    } catch { /* not JSON: shown as it is */ }
    out.replaceChildren(h("p", {}, told.problem ?? `HTTP ${told.status}　${told.type ?? ""}`),
      told.picture ? h("img", { src: told.picture, alt: "回答的图片" }) : h("div", { class: "code" }, shown));
  };
  return h("section", { class: "panel pad" }, h("h2", {}, "wx.request"), h("form", { onsubmit: send },
    h("div", { class: "two request" }, method, path), h("label", { for: "token" }, "Bearer token（回答里有 token 时自动填入）"), token,
    h("label", { for: "body" }, "JSON（{{code}} 与 {{phone_code}} 换成新的 code）"), body,
    h("div", { class: "two" }, h("button", { class: "button" }, "发送"))), out);
}

function service(phone) {
  const enter = async () => { if (await phone.act("enter_program_chat")) phone.go("service"); };
  return h("section", { class: "panel" }, h("h2", {}, "客服"), h("p", { class: "hint" }, "open-type=contact 的按钮打开与客服的会话。"),
    h("div", { class: "two" }, h("button", { class: "button plain", type: "button", onclick: enter }, "联系客服")));
}

export function consoleScreen(phone) {
  return [bar("接口控制台", () => phone.go("program")), h("main", { class: "body" }, launched(phone), codes(phone), subscriptions(phone), payments(phone), requests(phone), service(phone))];
}
