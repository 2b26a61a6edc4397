/* 微信扫码: the code on the log-in page or for binding one's own WeChat, and what becomes of it on the phone. */
"use strict";

const EVERY = 2000;
const SCAN_WORDS = {
  waiting: "请用微信“扫一扫”扫描，再在手机上输入这两位数字。",
  seen: "已扫描。请在手机上核对账号，输入这两位数字。",
  confirmed: "手机上已确认。",
  refused: "手机上取消了。是您自己的话，请换一张再扫。",
  over: "二维码已过期，请换一张。",
};
const scan = { dialog: document.getElementById("scan"), ticket: "", timer: 0, ask: null, then: null };
const part = (name) => scan.dialog.querySelector(`[data-scan="${name}"]`);

async function showCode() {
  clearTimeout(scan.timer);
  part("again").hidden = true;
  part("otp").hidden = true;
  part("said").replaceChildren();
  const code = await scan.ask();
  scan.ticket = code.ticket;
  part("png").src = code.png;
  part("number").textContent = code.number;
  tell("waiting");
  if (!scan.dialog.open) scan.dialog.showModal();
  scan.timer = setTimeout(look, EVERY);
}

function tell(state) {
  part("state").textContent = SCAN_WORDS[state];
  part("again").hidden = !["refused", "over"].includes(state);
  part("code").hidden = !["waiting", "seen"].includes(state);
}

async function look() {
  const mine = scan.ticket;
  let state = "";
  try {
    ({ state } = await api("POST", "/session/scan-state", { ticket: mine }));
  } catch { /* the next look may get through */ }
  if (!scan.dialog.open || mine !== scan.ticket) return;
  if (state) tell(state);
  if (state === "confirmed") scan.then();
  else if (!["refused", "over"].includes(state)) scan.timer = setTimeout(look, EVERY);
}

/** Into the browser that showed the code; with the second factor where the account has one. */
async function claim() {
  const field = part("otp").querySelector("input");
  part("said").replaceChildren();
  try {
    const body = { ticket: scan.ticket };
    if (field.value) body.otp = field.value;
    enter(await api("POST", "/session/scan", body), document.querySelector("[data-login]"));
  } catch (error) {
    const asks = ["otp_required", "passkey_required", "otp_wrong"].includes(error.problem.code);
    part("otp").hidden = !asks;
    if (!asks) tell("over");
    say(part("said"), error.message, error.problem.code === "otp_wrong" ? "bad" : "wait");
    if (asks) field.select();
  }
}

async function begin(place, ask, then) {
  Object.assign(scan, { ask, then });
  try {
    await showCode();
  } catch (error) {
    if (!error.isOver) say(place, error.message);
  }
}

scan.dialog.addEventListener("close", () => clearTimeout(scan.timer));
part("again").addEventListener("click", () => begin(part("said"), scan.ask, scan.then));
part("otp").addEventListener("submit", (event) => { event.preventDefault(); claim(); });
document.getElementById("scan-log-in")?.removeAttribute("hidden"); // without this script it would do nothing
document.getElementById("scan-log-in")?.addEventListener("click", () => {
  begin(document.getElementById("said"), () => api("POST", "/session/scan-code", {}), claim);
});
document.querySelector("[data-bind-wechat]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  if (!looksRight(form)) return;
  const once = { password: form.password.value };
  const place = form.querySelector(".said");
  begin(place, () => api("POST", "/login-wechat/code", once), () => { sayLater("微信已绑定，下次可以扫码登录。"); go(); })
    .then(() => { if (scan.dialog.open) form.closest("dialog").close(); });
});
