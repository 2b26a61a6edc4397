// The web view: a page in its frame, what it asks of WeChat through the bridge (bridge.js), and the “…” menu.
import { h, bar, toast } from "./dom.js";
import { payByPage } from "./cash_desk.js";
import { scanner } from "./scan.js";
import { sheet } from "./sheet.js";

// What the “…” menu holds, by the names that pages hide and show; those of `base` stay whatever a page asks.
const MENU = [
  ["share:appMessage", "发送给朋友"], ["share:timeline", "分享到朋友圈"], ["favorite", "收藏"], ["share:qq", "分享到 QQ"],
  ["copyUrl", "复制链接"], ["openWithSafari", "在浏览器打开"], ["base:refresh", "刷新"], ["base:setFont", "调整字体"], ["base:exposeArticle", "投诉"],
];
// Calls that need no entry in jsApiList.
const OPEN = ["preVerifyJSAPI", "checkJsApi", "getNetworkType", "invokeMiniProgramAPI", "getBrandWCPayRequest"];
const REFUSED = "fail_the permission value is offline verifying";

let view = null; // the page shown: its frame and what it was allowed and asked for

/** The frame of one page, with a title bar around it. */
export function webScreen(phone, url) {
  const back = () => phone.go(phone.before ?? "chats");
  const frame = h("iframe", { class: "web", name: `wxphone:${phone.person}`, title: "网页", src: phone.address(url), allow: "clipboard-write" });
  view = { phone, frame, ...fresh(), back };
  const menu = h("button", { type: "button", class: "dots", "aria-label": "更多", onclick: openMenu }, "…");
  return [bar(new URL(url).host, back, menu), frame, h("div", { class: "address", title: url }, url)];
}

const fresh = () => ({ allowed: new Set(), hidden: new Set(), hidesAll: false, hasMenu: true, card: null, came: "", here: "" });

const inService = (url) => {
  const { web_view: own, service_url: theirs } = view.phone.state;
  return url === own || url.startsWith(`${own}/`) || url.startsWith(`${own}?`) ? theirs + url.slice(own.length) : url;
};

addEventListener("message", async (event) => {
  if (!view || event.source !== view.frame.contentWindow || !event.data?.wechat) return;
  const said = event.data;
  if (said.kind === "page") { Object.assign(view, fresh()); view.phone.refresh(); }
  Object.assign(view, { came: said.came, here: said.here });
  if (said.kind === "link") { view.phone.follow(await view.phone.act("scan", { text: said.url })); return; }
  if (said.kind !== "invoke" && said.kind !== "subscribe") return;
  const answer = said.kind === "subscribe" ? await subscribe(said.templates) : { ...(await called(said.name, said.args)) };
  event.source.postMessage({ wechat: true, number: said.number, answer }, event.origin);
});

async function called(name, args) {
  const work = CALLS[name];
  if (!work) return { err_msg: `${name}:fail_function not exist` };
  // The cash desk needs no wx.config when a page asks the bridge itself, and does by wx.chooseWXPay.
  const isOpen = OPEN.includes(name) && !(name === "getBrandWCPayRequest" && "verifySignature" in args);
  if (!isOpen && !view.allowed.has(name)) return { err_msg: `${name}:${REFUSED}` };
  const told = await work(args);
  return typeof told === "string" ? { err_msg: `${name}:${told}` } : { err_msg: `${name}:ok`, ...told };
}

const CALLS = {
  /** Judged by the sandbox, for the address where the page really stands: the one it came with on an iPhone. */
  async preVerifyJSAPI(args) {
    view.allowed.clear();
    const { by_entry: byEntry } = view.phone.state.agent;
    const config = { appId: args.verifyAppId, timestamp: args.verifyTimestamp, nonceStr: args.verifyNonceStr, signature: args.verifySignature };
    const url = inService(byEntry ? view.came : view.here).split("#")[0];
    const answer = await fetch("/sandbox/api/wx-config", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...config, url }) });
    const { errMsg } = await answer.json();
    if (errMsg !== "config:ok") return `fail_${errMsg.replace("config:", "")}`;
    view.allowed = new Set(args.verifyJsApiList ?? []);
    return "ok";
  },
  checkJsApi: ({ jsApiList }) => ({ checkResult: Object.fromEntries(jsApiList.map((name) => [name, name in CALLS])) }),
  async scanQRCode({ needResult }) {
    if (!view.phone.state.agent.camera) return "fail_这个客户端没有摄像头";
    const text = await scanOver(view.phone);
    if (text === null) return "cancel";
    if (!needResult) { view.phone.follow(await view.phone.act("scan", { text })); return "ok"; }
    const seen = view.phone.address(text);
    const isApple = view.phone.state.agent.kind === "ios";
    return { resultStr: isApple ? JSON.stringify({ scan_code: { type: "QR_CODE", scan_result: seen } }) : seen };
  },
  hideMenuItems({ menuList }) { menuList.forEach((item) => view.hidden.add(item)); return "ok"; },
  showMenuItems({ menuList }) { menuList.forEach((item) => view.hidden.delete(item)); return "ok"; },
  hideAllNonBaseMenuItem() { view.hidesAll = true; return "ok"; },
  showAllNonBaseMenuItem() { view.hidesAll = false; view.hidden.clear(); return "ok"; },
  hideOptionMenu() { view.hasMenu = false; return "ok"; },
  showOptionMenu() { view.hasMenu = true; return "ok"; },
  updateAppMessageShareData(card) {
    const isOwn = card.link && new URL(card.link, view.here).host === new URL(view.here).host;
    if (!isOwn) return "fail_分享的链接不在 JS 接口安全域名之下";
    view.card = card;
    return "ok";
  },
  updateTimelineShareData: () => "ok",
  closeWindow() { view.back(); return "ok"; },
  getNetworkType: () => ({ err_msg: "network_type:wifi", subtype: "wifi" }),
  imagePreview: () => "ok",
  invokeMiniProgramAPI: () => "fail_不在小程序里",
  getBrandWCPayRequest: (args) => payByPage(view.phone, args, inService(view.here)),
};

/** The scanner over the page; null when it is closed. */
export function scanOver(phone) {
  return new Promise((done) => {
    const close = (text) => { over.remove(); done(text); };
    const over = h("section", { class: "over", role: "dialog", "aria-label": "扫一扫" },
      bar("扫一扫", () => close(null)), h("div", { class: "body pad" }, scanner((text) => text && close(text))));
    document.querySelector(".phone").append(over);
  });
}

/** The sheet of a subscription, for what is known and was not answered for good (wechat.md §4.5, §5); then the outcome. */
export async function askSubscription(phone, account, ids) {
  const known = new Map(phone.state[account].subscriptions.map((one) => [one.id, one]));
  let answers = Object.fromEntries(ids.map((id) => [id, "accept"]));
  let always = false;
  if (ids.length && ids.every((id) => known.has(id)) && !ids.every((id) => known.get(id).is_kept)) {
    const boxes = ids.map((id) => h("input", { type: "checkbox", name: id, checked: true }));
    const keep = h("input", { type: "checkbox" });
    const rows = ids.map((id, place) => h("label", { class: "ask" }, boxes[place], h("span", {}, known.get(id).title)));
    rows.push(h("label", { class: "ask keep" }, keep, h("span", {}, "总是保持以上选择，不再询问")));
    const chosen = await sheet(`${phone.state[account].name} 申请发送以下消息`, rows, ["允许", "取消"]);
    answers = Object.fromEntries(ids.map((id, place) => [id, chosen === "允许" && boxes[place].checked ? "accept" : "reject"]));
    always = keep.checked;
  }
  const told = await phone.tell("subscribe", { answers, account, always });
  return told.problem ? { problem: told.problem, code: told.errCode } : { answers: told };
}

const subscribe = (templates) => askSubscription(view.phone, "oa", templates);

async function openMenu() {
  if (!view.hasMenu) { toast("这个页面关掉了菜单"); return; }
  const shown = MENU.filter(([name]) => name.startsWith("base:") || !(view.hidesAll || view.hidden.has(`menuItem:${name}`)));
  const url = inService(view.here || view.frame.src);
  const chosen = await sheet(url, [], [...shown.map(([, label]) => label), "取消"], "menu");
  if (chosen === "刷新") view.frame.src = view.phone.address(url);
  else if (chosen === "复制链接") navigator.clipboard.writeText(url).then(() => toast("已复制"), () => toast(url));
  else if (chosen === "在浏览器打开") window.open(url, "_blank", "noopener");
  else if (chosen === "发送给朋友" || chosen === "分享到朋友圈") await forward(url);
  else if (chosen && chosen !== "取消") toast("沙箱里没有这一项");
}

/** What a friend would get, and what it is like to open it as somebody else. */
async function forward(url) {
  const title = document.querySelector(".bar h1").textContent;
  const card = view.card ?? { title, desc: url, link: url };
  const { people } = await (await fetch("/phone/api/people")).json();
  const others = people.filter(({ id }) => id !== view.phone.person);
  const picture = h("div", { class: "card shared" }, h("h2", {}, card.title || title), h("p", { class: "hint" }, card.desc ?? ""));
  const chosen = await sheet("转发的样子；选一位朋友替他打开", [picture], [...others.map(({ name }) => name), "取消"], "menu");
  const friend = others.find(({ name }) => name === chosen);
  if (friend) window.open(`/phone?person=${friend.id}&open=${encodeURIComponent(inService(card.link || url))}`, "_blank");
}
