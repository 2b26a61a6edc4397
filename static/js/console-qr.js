/* The QR that an officer scans: a countdown, a new one in time, and what happens on the phone. */
"use strict";

const page = document.getElementById("qr-page");
const issuance = page.dataset.issuance;
const GRACE = 60; // seconds past its end that a code which the officer has opened stays on screen
const REACHED = new Set(["school_signed", "generating", "issued"]);

let ends = 0; // by performance.now()
let life = 300;
let opened = false;
let over = false;
let asking = false;
let mine = ""; // the ticket on this screen
let displaced = false; // another desk shows a newer one
let newer = []; // the tickets that took another's place, as they are told
let code = "link"; // or mini_program

const at = (id) => document.getElementById(id);

function status(kind, text) {
  at("qr-status").className = "qr-status " + kind;
  at("qr-say").textContent = text;
}

async function renew() {
  if (over || asking) return;
  asking = true;
  newer = [];
  at("renew").disabled = true;
  if (at("swap")) at("swap").disabled = true;
  try {
    const ticket = await api("POST", `/issuances/${issuance}/scan-tickets`, { code });
    life = ticket.expires_in || 300;
    ends = performance.now() + life * 1000;
    opened = false;
    mine = ticket.ticket;
    displaced = false;
    at("qr").src = ticket.png;
    at("qr").hidden = false;
    at("qr-wait").hidden = true;
    at("qr-frame").classList.remove("stale");
    status("", `请签发负责人用微信“扫一扫”扫描${code === "link" ? "二维码" : "小程序码"}`);
    if (newer.includes(mine) && newer.at(-1) !== mine) displace(); // while this one was on its way
  } catch (error) {
    at("qr").hidden = true;
    at("qr-wait").hidden = false;
    at("qr-wait").replaceChildren(element("p", "", error.message));
    ends = performance.now() + 15000;
    status("bad", error.message);
  } finally {
    asking = false;
    at("renew").disabled = false;
    if (at("swap")) at("swap").disabled = false;
  }
}

function tick() {
  if (over || displaced) return;
  const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
  const shown = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (at("left").textContent !== shown) at("left").textContent = shown;
  at("ring").style.strokeDashoffset = String(100 - (100 * Math.max(0, ends - performance.now())) / (life * 1000));
  if (left > 0 || asking || !ends) return;
  if (opened && performance.now() < ends + GRACE * 1000) {
    at("qr-frame").classList.add("stale");
    status("wait", "二维码已到期；如果负责人还没有确认，请点“换一张二维码”后重新扫描。");
    return;
  }
  renew();
}

function displace() {
  displaced = true;
  at("qr-frame").classList.add("stale");
  at("left").textContent = "–:––";
  status("wait", "另一个页面出示了新的二维码，本页的已失效；如需在这里继续，请点“换一张二维码”。");
}

function finish(kind, text) {
  over = true;
  at("qr").hidden = true;
  at("qr-wait").hidden = true;
  at("qr-done").hidden = false;
  at("qr-done").className = "qr-done " + kind;
  at("qr-done-text").textContent = text;
  at("qr-frame").classList.add("over");
  at("renew").hidden = true;
  if (at("swap")) at("swap").hidden = true;
  at("left-text").textContent = "";
  at("left").textContent = "";
  status(kind, text);
  events.close();
}

function settle(now) {
  if (over) return;
  if (REACHED.has(now.state)) finish("good", "院校已确认签发");
  else if (now.state === "returned") finish("bad", `院校已退回：${now.return_reason}`);
  else if (now.state !== "site_pending") finish("wait", `批次现在是“${now.state_label}”，二维码已停用`);
  else if (String(now.revision) !== page.dataset.revision) location.reload();
}

const events = new EventSource(`${API}/issuances/${issuance}/events`);
events.addEventListener("open", () => { at("link-state").textContent = ""; });
events.addEventListener("error", () => { at("link-state").textContent = "与服务器的连接中断，正在重新连接……"; });
events.addEventListener("opened", (message) => {
  opened = true;
  status("wait", `${JSON.parse(message.data).officer || "签发负责人"}已在手机上打开，等待确认……`);
});
events.addEventListener("confirmed", (message) => {
  const { officer } = JSON.parse(message.data);
  finish("good", `${officer || "签发负责人"}已确认签发`);
});
events.addEventListener("superseded", (message) => {
  const { ticket } = JSON.parse(message.data);
  newer.push(ticket);
  if (!asking && !over && ticket !== mine) displace();
});
events.addEventListener("snapshot", (message) => settle(JSON.parse(message.data)));

at("renew").addEventListener("click", () => renew());
at("swap")?.addEventListener("click", () => {
  code = code === "link" ? "mini_program" : "link";
  at("swap").textContent = code === "link" ? "改用小程序码" : "改用普通二维码";
  renew();
});
addEventListener("pagehide", () => events.close());
if (page.dataset.state === "site_pending") {
  renew();
  setInterval(tick, 250);
}
