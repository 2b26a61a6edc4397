// The chat with the account: bubbles, cards, the menu; and 服务通知.
import { h, icon, ICONS, face, bar, moment } from "./dom.js";
import { sheet } from "./sheet.js";

let writing = false;
let opened = null;

/** Text as WeChat shows it: <a href> and bare addresses become links, everything else stays text. */
function rich(phone, text) {
  const parts = [];
  const pattern = /<a\s[^>]*?href=["']([^"']+)["'][^>]*>([\s\S]*?)<\/a>|(https?:\/\/[^\s<>"'，。；）]+)/g;
  let last = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(text.slice(last, found.index));
    const href = (found[1] ?? found[3]).replaceAll("&amp;", "&");
    parts.push(h("a", { href, onclick: (event) => { event.preventDefault(); tap(phone, href); } }, found[2] ?? found[3]));
    last = found.index + found[0].length;
  }
  parts.push(text.slice(last));
  return parts;
}

function tap(phone, href) {
  const menu = /^weixin:\/\/bizmsgmenu\?(.*)$/.exec(href);
  const chosen = new URLSearchParams(menu?.[1]);
  if (menu) phone.act("write", { text: chosen.get("msgmenucontent") ?? "", choice: chosen.get("msgmenuid") ?? "" });
  else if (/^https?:/.test(href)) phone.openWeb(href);
}

function leads(phone, line) {
  if (line.miniprogram !== undefined) {
    const [page, query = ""] = line.miniprogram.split("?");
    return () => phone.follow({ open: "miniprogram", page, query, scene: 1014 });
  }
  return line.url ? () => phone.openWeb(line.url) : null;
}

function card(phone, line) {
  const go = leads(phone, line);
  return h(go ? "button" : "div", { class: "card", type: go && "button", onclick: go ?? (() => {}) },
    h("span", { class: "from" }, line.by), h("h2", {}, line.title),
    h("dl", {}, line.fields.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    go && h("span", { class: "go" }, line.miniprogram !== undefined ? "进入小程序查看" : "查看详情"));
}

function bubble(phone, line) {
  if (line.from === "system") return h("p", { class: "system" }, line.text);
  if (line.kind === "card") return card(phone, line);
  if (line.kind === "news") return line.articles.map((one) => h("button", { class: "article", type: "button", onclick: () => one.url && phone.openWeb(one.url) }, h("b", {}, one.title), h("small", {}, one.description)));
  const mine = line.from === "person";
  const { oa, person } = phone.state;
  const content = line.kind === "menu"
    ? [line.head_content, "\n", line.list.map((one) => [h("a", { href: "#chat", onclick: (event) => { event.preventDefault(); phone.act("write", { text: one.content, choice: one.id }); } }, one.content), "\n"]), line.tail_content]
    : line.kind === "image" ? [h("img", { class: "sent", src: line.picture, alt: "图片" })]
    : line.kind === "miniprogram" ? [`［小程序］${line.title}`] : mine ? [line.text] : rich(phone, line.text);
  return h("div", { class: mine ? "said mine" : "said" }, mine ? face(person) : h("span", { class: "face" }, oa.name[0]), h("div", { class: "bubble" }, content));
}

function menuBar(phone) {
  const tapped = async (path) => { opened = null; phone.follow(await phone.act("menu", { path })); };
  return h("div", { class: "menu" }, phone.state.oa.menu.map((button, place) => {
    const subs = button.sub_button ?? [];
    const list = h("ul", { class: "sub", hidden: opened !== place }, subs.map((one, number) => h("li", {}, h("button", { type: "button", onclick: () => tapped(`${place}.${number}`) }, one.name))));
    const open = (event) => {
      opened = opened === place ? null : place;
      for (const other of event.target.closest(".menu").querySelectorAll(".sub")) other.hidden = other !== list || opened === null;
    };
    return h("div", {}, subs.length ? list : null, h("button", { type: "button", class: subs.length ? "has-sub" : "", onclick: subs.length ? open : () => tapped(String(place)) }, button.name));
  }));
}

const OTHERS = { 图片: "image", 语音: "voice", 视频: "video", 小视频: "shortvideo", 位置: "location", 链接: "link" };

async function sendOther(phone) {
  const kind = OTHERS[await sheet("发送", [], [...Object.keys(OTHERS), "取消"], "menu")];
  if (kind) phone.act("send", { kind });
}

function foot(phone) {
  const hasMenu = phone.state.oa.menu.length > 0;
  const bar = h("footer", { class: "foot" });
  const fill = () => {
    const typing = writing || !hasMenu;
    const send = async (event) => {
      event.preventDefault();
      const field = event.target.elements.text;
      const text = field.value;
      if (!text.trim()) return;
      field.value = "";
      await phone.act("write", { text });
    };
    bar.replaceChildren(...[
      hasMenu && h("button", { class: "switch", type: "button", "aria-label": typing ? "显示菜单" : "写消息", onclick: () => { writing = !writing; fill(); } }, icon(typing ? ICONS.lines : ICONS.keyboard)),
      typing ? h("form", { class: "write", onsubmit: send }, h("input", { name: "text", "aria-label": "消息", autocomplete: "off", "data-keep": "" }), h("button", {}, "发送"), h("button", { class: "more-kinds", type: "button", "aria-label": "图片、语音、位置等", onclick: () => sendOther(phone) }, "＋")) : menuBar(phone),
    ].filter(Boolean));
  };
  fill();
  return bar;
}

function talk(phone, lines) {
  const main = h("main", { class: "body" });
  const list = h("div", { class: "talk" });
  let before = 0;
  for (const line of lines) {
    if (line.at - before > 300) list.append(h("time", {}, moment(line.at)));
    before = line.at;
    list.append(...[bubble(phone, line)].flat());
  }
  main.append(list);
  requestAnimationFrame(() => { main.scrollTop = main.scrollHeight; });
  return main;
}

export function chatScreen(phone) {
  const { oa } = phone.state;
  return [bar(oa.name, () => phone.go("chats")), talk(phone, oa.lines), oa.follows ? foot(phone) : h("div", { class: "pad" }, h("button", { class: "button wide", type: "button", onclick: () => phone.go("account") }, "关注后才能发消息"))];
}

export function noticesScreen(phone) {
  const { notices } = phone.state;
  sessionStorage.setItem(`seen ${phone.person}`, String(notices.at(-1)?.id ?? 0));
  const body = notices.length ? talk(phone, notices) : h("main", { class: "body" }, h("p", { class: "empty" }, "还没有通知"));
  return [bar("服务通知", () => phone.go("chats")), body];
}
