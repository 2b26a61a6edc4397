// The mini-program's side: what it was opened with, wx.login, the phone number, subscriptions, and a request console.
import { h, bar, toast } from "./dom.js";

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
  const out = h("div", { class: "code", hidden: true });
  const ask = (act, name) => async () => {
    const told = await phone.act(act);
    if (told) { out.hidden = false; out.textContent = `${name}\ncode: ${told.code}\n（5 分钟内用一次）`; }
  };
  return h("section", { class: "panel" }, h("h2", {}, "登录与手机号"),
    h("div", { class: "two" }, h("button", { class: "button plain", type: "button", onclick: ask("login", "wx.login") }, "wx.login"),
      h("button", { class: "button plain", type: "button", onclick: ask("phone_code", "getPhoneNumber") }, "手机号按钮")), out);
}

function subscriptions(phone) {
  const { templates } = phone.state.mp;
  if (!templates.length) return null;
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    const chosen = new FormData(event.target);
    const told = await phone.act("subscribe", { answers: Object.fromEntries(templates.map(({ id }) => [id, chosen.has(id) ? "accept" : "reject"])) });
    if (told) toast("已告知服务");
  } }, templates.map(({ id, title }) => h("label", {}, h("input", { type: "checkbox", name: id, checked: true }), ` ${title}`)), h("div", { class: "two" }, h("button", { class: "button plain" }, "允许所选")));
  return h("section", { class: "panel pad" }, h("h2", {}, "订阅消息"), form);
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
  const path = h("input", { type: "text", id: "path", value: "/", autocomplete: "off" });
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
    h("div", { class: "two" }, method, path), h("label", { for: "token" }, "Bearer token（回答里有 token 时自动填入）"), token,
    h("label", { for: "body" }, "JSON（{{code}} 与 {{phone_code}} 换成新的 code）"), body,
    h("div", { class: "two" }, h("button", { class: "button" }, "发送"))), out);
}

function service(phone) {
  const said = () => phone.state.mp.lines.slice(-6).map((line) => h("p", { class: line.from === "person" ? "" : "hint" }, `${line.from === "person" ? "我" : "客服"}：${line.text}`));
  const box = h("div", {}, said());
  const send = async (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    if (await phone.act("write_to_program", { text: field.value })) { field.value = ""; setTimeout(() => box.replaceChildren(...said()), 2500); }
  };
  return h("section", { class: "panel pad" }, h("h2", {}, "联系客服"), box, h("form", { onsubmit: send },
    h("input", { type: "text", name: "text", "aria-label": "给客服的消息", autocomplete: "off" }),
    h("div", { class: "two" }, h("button", { class: "button plain", type: "button", onclick: () => phone.act("enter_program_chat") }, "进入会话"), h("button", { class: "button plain" }, "发送消息"))));
}

export function programScreen(phone) {
  return [bar(phone.state.mp.name, () => phone.go("discover")), h("main", { class: "body" }, launched(phone), codes(phone), subscriptions(phone), requests(phone), service(phone))];
}
