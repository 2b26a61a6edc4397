// The chats with the account and with the mini-program's customer service: bubbles, cards, the menu; and 服务通知.
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

/** Opens a page of the mini-program, with the scene that tells it where the person came from. */
function program(phone, path, scene) {
  const [page, query = ""] = path.split("?");
  return () => phone.follow({ open: "miniprogram", page, query, scene });
}

function leads(phone, line) {
  if (line.miniprogram !== undefined) return program(phone, line.miniprogram, line.scene ?? 1014);
  return line.url ? () => phone.openWeb(line.url) : null;
}

function card(phone, line) {
  const go = leads(phone, line);
  return h(go ? "button" : "div", { class: go ? "card" : "card still", type: go && "button", onclick: go ?? (() => {}) },
    h("span", { class: "from" }, line.by), h("h2", {}, line.title),
    h("dl", {}, line.fields.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    go && h("span", { class: "go" }, line.miniprogram !== undefined ? "进入小程序查看" : "查看详情"));
}

function article(phone, { title, description, url, picture }) {
  return h("button", { class: "article", type: "button", onclick: () => url && phone.openWeb(url) },
    h("span", {}, h("b", {}, title), h("small", {}, description)),
    picture && h("img", { src: picture, alt: "", onerror: (event) => event.target.remove() }));
}

function pageCard(phone, account, line) {
  return h("button", { class: "card", type: "button", onclick: program(phone, line.pagepath, account.kind === "oa" ? 1074 : 1073) },
    h("span", { class: "from" }, "小程序"), h("h2", {}, line.title), h("span", { class: "go" }, "打开小程序"));
}

function bubble(phone, account, line) {
  if (line.from === "system") return h("p", { class: "system" }, line.text);
  if (line.kind === "card") return card(phone, line);
  if (line.kind === "news") return line.articles.map((one) => article(phone, one));
  if (line.kind === "miniprogram") return pageCard(phone, account, line);
  const mine = line.from === "person";
  const { person } = phone.state;
  const content = line.kind === "menu"
    ? [line.head_content, "\n", line.list.map((one) => [h("a", { href: "#chat", onclick: (event) => { event.preventDefault(); phone.act("write", { text: one.content, choice: one.id }); } }, one.content), "\n"]), line.tail_content]
    : line.kind === "image" ? [h("img", { class: "sent", src: line.picture, alt: "图片" })]
    : mine ? [line.text] : rich(phone, line.text);
  return h("div", { class: mine ? "said mine" : "said" }, mine ? face(person) : h("span", { class: "face" }, account.name[0]), h("div", { class: "bubble" }, content));
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

/** The line where a message is written; `more` stands after it. */
function writer(send, more) {
  const submit = (event) => {
    event.preventDefault();
    const field = event.target.elements.text;
    const text = field.value;
    if (!text.trim()) return;
    field.value = "";
    send(text);
  };
  return h("form", { class: "write", onsubmit: submit }, h("input", { name: "text", "aria-label": "消息", autocomplete: "off", "data-keep": "" }), h("button", {}, "发送"), more);
}

function foot(phone) {
  const hasMenu = phone.state.oa.menu.length > 0;
  const bar = h("footer", { class: "foot" });
  const fill = () => {
    const typing = writing || !hasMenu;
    const others = h("button", { class: "more-kinds", type: "button", "aria-label": "图片、语音、位置等", onclick: () => sendOther(phone) }, "＋");
    bar.replaceChildren(...[
      hasMenu && h("button", { class: "switch", type: "button", "aria-label": typing ? "显示菜单" : "写消息", onclick: () => { writing = !writing; fill(); } }, icon(typing ? ICONS.lines : ICONS.keyboard)),
      typing ? writer((text) => phone.act("write", { text }), others) : menuBar(phone),
    ].filter(Boolean));
  };
  fill();
  return bar;
}

const isAtEnd = (body) => body.scrollHeight - body.scrollTop - body.clientHeight < 40;

/** What was said, the newest at the lower edge; whoever reads further up is left there: `data-end` is empty while the newest is seen. */
function talk(phone, account, lines) {
  const main = h("main", { class: "body", "data-end": "" });
  const list = h("div", { class: "talk" });
  let before = 0;
  for (const line of lines) {
    if (line.at - before > 300) list.append(h("time", {}, moment(line.at)));
    before = line.at;
    list.append(...[bubble(phone, account, line)].flat());
  }
  main.append(list);
  const toEnd = () => { main.scrollTop = main.scrollHeight; };
  requestAnimationFrame(toEnd);
  new ResizeObserver(() => main.dataset.end === "" && toEnd()).observe(list); // a picture has found its height
  let last = 0;
  main.addEventListener("scroll", () => {
    if (isAtEnd(main)) main.dataset.end = "";
    else if (main.scrollTop < last) main.dataset.end = "no"; // only who moves up leaves the end; what grows below moves nobody
    last = main.scrollTop;
  });
  return main;
}

export function chatScreen(phone) {
  const { oa } = phone.state;
  return [bar(oa.name, () => phone.go("chats")), talk(phone, { kind: "oa", ...oa }, oa.lines), oa.follows ? foot(phone) : h("div", { class: "pad" }, h("button", { class: "button wide", type: "button", onclick: () => phone.go("account") }, "关注后才能发消息"))];
}

/** The mini-program's customer service: its person writes, the service answers by customer-service messages. */
export function serviceScreen(phone) {
  const { mp } = phone.state;
  const lines = mp.lines.length ? talk(phone, { kind: "mp", ...mp }, mp.lines) : h("main", { class: "body" }, h("p", { class: "empty" }, "写点什么，客服会回答"));
  return [bar(`${mp.name}客服`, () => phone.go("program")), lines, h("footer", { class: "foot" }, writer((text) => phone.act("write_to_program", { text })))];
}

export function noticesScreen(phone) {
  const { notices } = phone.state;
  sessionStorage.setItem(`seen ${phone.person}`, String(notices.at(-1)?.id ?? 0));
  const body = notices.length ? talk(phone, null, notices) : h("main", { class: "body" }, h("p", { class: "empty" }, "还没有通知"));
  return [bar("服务通知", () => phone.go("chats")), body];
}
