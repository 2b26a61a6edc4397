// The mini-program on the phone: its bar with the capsule, its pages by path, its tabs; a page is asked for anew each time.
import { h, icon, ICONS } from "../dom.js";
import { sheet } from "../sheet.js";
import { NotConnected, Runtime } from "./runtime.js";
import { button, cell, cells, loading, message } from "./weui.js";
import * as home from "./home.js";
import * as results from "./results.js";
import * as certificates from "./certificates.js";
import * as notices from "./notices.js";
import * as orders from "./orders.js";
import * as mine from "./mine.js";
import * as scan from "./scan.js";

export const PAGES = {
  "pages/index/index": { name: "首页", show: home.show },
  "pages/bind/index": { name: "绑定考生信息", show: home.bind },
  "pages/results/index": { name: "成绩", show: results.show },
  "pages/certificates/index": { name: "证书", one: "证书详情", show: certificates.show },
  "pages/notices/index": { name: "通知", show: notices.show },
  "pages/orders/index": { name: "缴费", show: orders.show },
  "pages/me/index": { name: "我的", show: mine.show },
  "pages/officer/index": { name: "签发负责人", show: mine.officer },
  "pages/scan/index": { name: "签发确认", show: scan.show },
};
const FIRST = "pages/index/index";
const TABS = [[FIRST, "首页", "M4 11l8-7 8 7v9h-5v-6H9v6H4z"], ["pages/results/index", "成绩", "M5 20V10M10 20V4M15 20v-8M20 20v-5"], ["pages/certificates/index", "证书", "M5 3h14v12H5zM8 7h8M8 10.500h5M10 15v6l2-1.500 2 1.500v-6"], ["pages/me/index", "我的", ICONS.me]];

let runtime = null;

/** What the pages are given: the API and the client, where they are, and the ways on. */
function program(phone, path, query, redraw) {
  if (runtime?.phone !== phone) runtime = new Runtime(phone);
  return {
    phone, runtime, query, redraw,
    api: (...asked) => runtime.api(...asked),
    to: (page) => phone.go(`program=${encodeURIComponent(page)}`),
    tab: (page) => location.replace(`#program=${encodeURIComponent(page)}`),
    web: (url) => phone.openWeb(url),
    path,
  };
}

/** Query values are as they came, one step of percent-encoding away, as onLoad sees them. */
const parsed = (text) => Object.fromEntries((text ?? "").split("&").filter(Boolean).map((pair) => pair.split(/=(.*)/s).slice(0, 2)));

export function programScreen(phone, place) {
  const launched = phone.program;
  const [path, text] = (place || (launched ? launched.page + (launched.query ? `?${launched.query}` : "") : FIRST)).split(/\?(.*)/s);
  const page = PAGES[path];
  const body = h("main", { class: "body program", "aria-busy": "true" }, loading());
  const query = parsed(text);
  const redraw = () => fill(body, page, program(phone, path, query, redraw), launched);
  redraw();
  const isTab = !text && TABS.some(([tab]) => tab === path); // one certificate of the list is a page of its own
  const name = (query.number && page?.one) || (page?.name ?? phone.state.mp.name);
  return [head(phone, name, isTab, path), body, isTab && tabs(phone, path)].filter(Boolean);
}

async function fill(body, page, app, launched) {
  let made;
  try {
    made = page ? await page.show(app) : missing(app, launched);
  } catch (problem) {
    made = problem instanceof NotConnected ? unconnected(app, problem) : refused(app, problem);
  }
  body.removeAttribute("aria-busy");
  body.replaceChildren(...[made].flat(Infinity).filter(Boolean));
}

function refused(app, problem) {
  if (problem.code === "not_bound") return message("info", "还没有绑定考生信息", problem.message, button("去绑定", () => app.to("pages/bind/index")));
  return message("warn", problem.title ?? "出错了", problem.message, button("再试一次", app.redraw));
}

function missing(app, launched) {
  const scene = launched?.page === app.path ? launched.scene : 1001;
  return [message("warn", "小程序里没有这一页", `页面 ${app.path}，场景值 ${scene}`, button("去首页", () => app.tab(FIRST)), button("在接口控制台里看", () => app.phone.go("console"), { plain: true }))];
}

/** Alone, or before another service: how the example is pointed at one. */
function unconnected(app, problem) {
  const { program_url: url } = app.phone.state;
  const calls = [["POST /session", "{code} → {token, bound, roles}"], ["GET、POST、DELETE /binding", "是谁、绑定、解除"], ["GET /results", "成绩"], ["GET /certificates", "证书，及 /编号、/编号.pdf"], ["GET、POST /subscriptions", "订阅哪些通知"], ["GET /notices", "收到的通知"], ["GET、POST /orders", "缴费，及 /编号/pay"], ["GET /scans/令牌", "扫码签发，及 /confirm、/return"]];
  return [
    message("info", "小程序没有接到服务", `${problem.message}。`, button("再试一次", app.redraw)),
    cells("现在请求的是", cell(url, { note: problem.detail })),
    cells("接到您的服务", cell("启动您的服务", { note: "沙箱启动时的 SANDBOX_SERVICE_URL 是它的网址" }), cell("接口在别处", { note: "SANDBOX_PROGRAM_API=https://您的服务/接口的开头" }), cell("接口是另一种样子", { note: "用接口控制台，随便请求什么", onclick: () => app.phone.go("console") })),
    cells("这个示例请求这些接口", ...calls.map(([name, note]) => cell(name, { note }))),
  ];
}

function head(phone, name, isTab, path) {
  const back = isTab ? h("span") : path === "pages/scan/index" || phone.program?.page === path
    ? h("button", { type: "button", class: "home", "aria-label": "回首页", onclick: () => location.replace(`#program=${encodeURIComponent(FIRST)}`) }, icon(TABS[0][2]))
    : h("button", { type: "button", "aria-label": "返回", onclick: () => history.back() }, "‹");
  const capsule = h("span", { class: "capsule" }, h("button", { type: "button", "aria-label": "更多", onclick: () => more(phone) }, "•••"), h("button", { type: "button", "aria-label": "关闭小程序", onclick: () => { phone.program = null; phone.go("discover"); } }, h("i", { "aria-hidden": "true" })));
  return h("header", { class: "bar program-bar" }, back, h("h1", {}, name), capsule);
}

async function more(phone) {
  const chosen = await sheet(phone.state.mp.name, [], ["重新进入小程序", "联系客服", "接口控制台", "取消"], "menu");
  if (chosen === "重新进入小程序") { runtime?.keep(null); phone.openProgram({ page: FIRST }); }
  else if (chosen === "联系客服") { if (await phone.act("enter_program_chat")) phone.go("service"); }
  else if (chosen === "接口控制台") phone.go("console");
}

function tabs(phone, path) {
  return h("nav", { class: "tabs weui-tabbar", "aria-label": "小程序" }, TABS.map(([page, name, drawing]) => h("button", {
    type: "button", "aria-current": page === path ? "page" : null, onclick: () => location.replace(`#program=${encodeURIComponent(page)}`),
  }, icon(drawing), name)));
}
