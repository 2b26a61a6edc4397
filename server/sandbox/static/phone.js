// The phone: who it belongs to (?person=), which screen it shows (#…), and the feed that keeps it fresh.
import { h, icon, ICONS, face, tile, row, bar, toast, moment } from "./dom.js";
import { chatScreen, noticesScreen, serviceScreen } from "./chat.js";
import { scanScreen } from "./scan.js";
import { consoleScreen } from "./console.js";
import { programScreen } from "./program/screen.js";
import { scanOver, webScreen } from "./webview.js";
import { sheet } from "./sheet.js";
import { payByScan } from "./cash_desk.js";

const screen = document.getElementById("screen");
const query = new URLSearchParams(location.search);

export const phone = {
  person: query.get("person"),
  state: null,
  program: null,

  /** What the sandbox says to an act: its outcome, or `{problem, errCode?}`. */
  async tell(name, body = {}) {
    const answer = await fetch(`/phone/api/act/${phone.person}/${name}`, { method: "POST", body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) return { problem: "没有成功，请重试。", ...told };
    await refresh();
    return told;
  },

  /** The same for a person: a problem is shown, and null comes back. */
  async act(name, body = {}) {
    const told = await phone.tell(name, body);
    if (told.problem) { toast(told.problem); return null; }
    return told;
  },

  go(place) { location.hash = place; },
  refresh: () => refresh().catch(() => {}),

  /** What an act or a scan leads to. */
  follow(outcome) {
    if (!outcome) return;
    if (outcome.open === "web") phone.openWeb(outcome.url);
    else if (outcome.open === "miniprogram") phone.openProgram(outcome);
    else if (outcome.open === "chat") phone.go("chat");
    else if (outcome.open === "scanner") phone.scanForMenu(outcome.path);
    else if (outcome.open === "follow") { phone.invited = outcome; phone.go("account"); }
    else if (outcome.open === "pay") payByScan(phone, outcome.text, outcome.how);
    else if (outcome.open === "text") { phone.scanned = outcome.text; phone.go("text"); }
  },

  async scanForMenu(path) {
    const text = await scanOver(phone);
    if (text) phone.follow(await phone.act("scancode", { path, text }));
  },

  /** A page of the mini-program, by its path and query; `scene` tells where the person came from. */
  openProgram({ page, query = "", scene = 1001 }) {
    phone.program = { page, query, scene };
    const place = `program=${encodeURIComponent(page + (query ? `?${query}` : ""))}`;
    if (location.hash === `#${place}`) show(false, true);
    else phone.go(place);
  },

  openWeb(url) { phone.go(`web=${encodeURIComponent(url)}`); },

  /** The service as this person's web view sees it: one host a person, so that cookies never mix. */
  address(url) {
    const own = phone.state.service_url;
    return url === own || url.startsWith(own + "/") || url.startsWith(own + "?") ? phone.state.web_view + url.slice(own.length) : url;
  },
};

function tabs(current) {
  const entry = (place, name) => h("button", { type: "button", "aria-current": place === current ? "page" : null, onclick: () => phone.go(place) }, icon(ICONS[place]), name);
  return h("nav", { class: "tabs", "aria-label": "主导航" }, entry("chats", "微信"), entry("discover", "发现"), entry("me", "我"));
}

const summary = (line) => (line ? line.text ?? line.title ?? line.articles?.[0]?.title ?? line.head_content ?? "" : "");

function chatsScreen() {
  const { oa, notices } = phone.state;
  const list = h("ul", { class: "rows" });
  if (oa) {
    const last = oa.lines.at(-1);
    list.append(row(h("span", { class: "tile" }, oa.name[0]), oa.name, {
      note: oa.follows ? summary(last) || "点开看看菜单" : "还没有关注",
      time: last && moment(last.at), onclick: () => phone.go(oa.follows ? "chat" : "account"),
    }));
  }
  const last = notices.at(-1);
  const seen = Number(sessionStorage.getItem(`seen ${phone.person}`) ?? 0);
  const fresh = notices.filter((card) => card.id > seen).length;
  list.append(row(tile(ICONS.bell, "#fa9d3b"), "服务通知", { note: summary(last) || "还没有通知", time: last && moment(last.at), badge: fresh, onclick: () => phone.go("notices") }));
  return [bar("微信"), h("main", { class: "body" }, list), tabs("chats")];
}

function discoverScreen() {
  const list = h("ul", { class: "rows" },
    row(tile(ICONS.scan, "#3d7eff"), "扫一扫", { more: "›", onclick: () => phone.go("scan") }),
    phone.state.mp && row(tile(ICONS.program, "#7a68e0"), phone.state.mp.name, { note: "查成绩、看证书、订阅提醒、缴费", more: "›", onclick: () => { phone.program = null; phone.go("program"); } }),
    phone.state.mp && row(tile(ICONS.lines, "#4a7c82"), "接口控制台", { note: "小程序的 wx.login、手机号、订阅和请求，一个一个试", more: "›", onclick: () => phone.go("console") }));
  const open = h("form", { class: "pad", onsubmit: (event) => { event.preventDefault(); const url = event.target.elements.url.value.trim(); if (url) phone.openWeb(/^https?:/.test(url) ? url : phone.state.service_url + (url.startsWith("/") ? url : `/${url}`)); } },
    h("label", { for: "url" }, "在微信里打开网页"),
    h("input", { type: "text", id: "url", name: "url", placeholder: "网址，或以 / 开头的路径", autocomplete: "off" }),
    h("div", { class: "two" }, h("button", { class: "button" }, "打开")));
  return [bar("发现"), h("main", { class: "body" }, list, open), tabs("discover")];
}

function meScreen() {
  const { person, oa, mp } = phone.state;
  const ids = [oa && ["服务号 openid", oa.openid], mp && ["小程序 openid", mp.openid]].filter(Boolean);
  return [bar("我"), h("main", { class: "body" },
    h("div", { class: "profile" }, face(person), h("h2", {}, person.name), h("p", {}, `手机 ${person.mobile}`)),
    h("ul", { class: "rows group" },
      row(tile(ICONS.me, "#3d7eaa"), "换一个人", { more: "›", onclick: () => { location.search = ""; } }),
      oa && oa.follows && row(tile(ICONS.chats, "#999"), `取消关注${oa.name}`, { onclick: () => phone.act("unfollow").then((done) => done && toast("已取消关注")) }),
      oa && oa.follows && row(tile(ICONS.bell, "#999"), oa.blocked ? "恢复接收公众号消息" : "不接收公众号消息", { onclick: () => phone.act("block", { on: !oa.blocked }).then((done) => done && toast("已设置")) }),
      row(tile(ICONS.chats, "#4a7c82"), "客户端", { more: `${phone.state.agent.name} ›`, onclick: chooseAgent }),
      row(tile(ICONS.lines, "#8d6cab"), "时间线与开关", { more: "›", onclick: () => window.open("/sandbox") })),
    h("div", { class: "pad hint" }, ids.map(([name, id]) => h("p", {}, `${name}：`, h("code", {}, id))))), tabs("me")];
}

/** Which of WeChat's clients opens pages: each has its own User-Agent, and iPhones their own idea of an address. */
async function chooseAgent() {
  const { agents } = phone.state;
  const chosen = await sheet("用哪个客户端打开网页", [], [...agents.map(({ name }) => name), "取消"], "menu");
  const agent = agents.find(({ name }) => name === chosen);
  if (agent && await phone.act("agent", { kind: agent.kind })) toast(`现在是${agent.name}`);
}

function accountScreen() {
  const { oa } = phone.state;
  const invited = phone.invited ?? {};
  const done = async () => { if (await phone.act("follow", { scene: invited.scene, ticket: invited.ticket })) { phone.invited = null; phone.go("chat"); } };
  return [bar("公众号", () => phone.go("chats")), h("main", { class: "body" }, h("div", { class: "profile" },
    h("span", { class: "tile" }, oa.name[0]), h("h2", {}, oa.name), h("p", {}, oa.appid),
    h("button", { class: "button wide", type: "button", onclick: done }, "关注")))];
}

/** The title bar of the web view follows its pages; the frame itself is never touched. */
function followPage() {
  const { page, service_url: own } = phone.state;
  const shown = showing?.startsWith("web=") && decodeURIComponent(showing.slice(4)).startsWith(own);
  if (!page || !shown || page.number <= phone.stale) return;
  screen.querySelector(".bar h1").textContent = page.title || new URL(page.url).host;
  screen.querySelector(".address").textContent = page.url;
}

function textScreen() {
  return [bar("扫描结果", () => phone.go("scan")), h("main", { class: "body pad" }, h("div", { class: "code" }, phone.scanned ?? ""))];
}

const SCREENS = {
  chats: [chatsScreen, true], discover: [discoverScreen, false], me: [meScreen, true], account: [accountScreen, false],
  chat: [() => chatScreen(phone), true], service: [() => serviceScreen(phone), true], notices: [() => noticesScreen(phone), true], scan: [() => scanScreen(phone), false],
  console: [() => consoleScreen(phone), false], text: [textScreen, false],
};

/** Where the person reads, unless that is the end of a chat, which goes on by itself. */
function readAbove() {
  const body = screen.querySelector(".body");
  if (!body) return null;
  return body.dataset.end === "" ? null : body.scrollTop;
}

function readOn(above) {
  const body = screen.querySelector(".body");
  if (!body) return;
  if ("end" in body.dataset) body.dataset.end = "no";
  body.scrollTop = above;
}

let showing = null;
function show(again = false, anew = false) {
  const place = location.hash.slice(1) || "chats";
  if (place === showing && !again && !anew) return;
  const [name, argument] = place.split("=");
  const typed = screen.querySelector("[data-keep]")?.value;
  const [make, live] = name === "web" ? [() => webScreen(phone, decodeURIComponent(argument)), false]
    : name === "program" && phone.state.mp ? [() => programScreen(phone, decodeURIComponent(argument ?? "")), false] : SCREENS[name] ?? SCREENS.chats;
  if (place === showing && !live && !anew) return;
  const stays = place === showing;
  if (name !== "web") phone.before = place;
  else phone.stale = phone.state?.page?.number ?? 0;
  showing = place;
  const above = stays ? readAbove() : null;
  screen.replaceChildren(...make());
  if (above !== null) requestAnimationFrame(() => readOn(above));
  const field = screen.querySelector("[data-keep]");
  if (stays && field && typed) { field.value = typed; field.focus(); }
}

function chooseScreen(people) {
  const list = h("ul", { class: "rows" }, people.map((person) => row(face(person), person.name, { note: person.role || person.mobile, onclick: () => { location.search = `?person=${person.id}`; } })));
  const add = h("form", { class: "pad", onsubmit: async (event) => {
    event.preventDefault();
    const answer = await fetch("/phone/api/people", { method: "POST", body: JSON.stringify({ name: event.target.elements.name.value }) });
    location.search = `?person=${(await answer.json()).id}`;
  } }, h("label", { for: "name" }, "再添一个人"), h("input", { type: "text", id: "name", name: "name", maxlength: "20", placeholder: "昵称", required: true }), h("div", { class: "two" }, h("button", { class: "button" }, "添加")));
  screen.replaceChildren(bar("你是谁"), h("main", { class: "body" }, list, add));
}

let seen = "";
async function refresh() {
  const answer = await fetch(`/phone/api/feed/${phone.person}?seen=${seen}`);
  if (answer.status === 404) { location.search = ""; return; }
  if (answer.status !== 200) return;
  const first = phone.state === null;
  phone.state = await answer.json();
  seen = phone.state.revision;
  document.getElementById("clock").textContent = moment(phone.state.now).split(" ").at(-1);
  if (first) {
    document.title = `${phone.state.person.name}的微信（沙箱）`;
    document.getElementById("who-now").textContent = `这部手机属于${phone.state.person.name}（${[phone.state.person.role, phone.state.person.mobile].filter(Boolean).join("，")}）。`;
    const open = query.get("open");
    if (open) { history.replaceState(null, "", `?person=${phone.person}#web=${encodeURIComponent(open)}`); }
  }
  document.getElementById("recording").textContent = phone.state.recording ? `正在录制“${phone.state.recording}”` : "";
  show(true);
  followPage();
}

if (phone.person) {
  addEventListener("hashchange", () => show());
  await refresh();
  setInterval(() => document.visibilityState === "visible" && refresh().catch(() => {}), 1500);
} else {
  chooseScreen((await (await fetch("/phone/api/people")).json()).people);
}
