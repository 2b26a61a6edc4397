// The switches: each field saves itself when it changes.
import { h, toast } from "./dom.js";

const NAMES = {
  slow_seconds: "每次回答延迟（秒）", drop_next: "接下来几次：已执行但不回答", drop_after_seconds: "丢弃前先挂起（秒）", template_status: "模板消息的结局", drop_share: "随机丢弃回答的比例（0–1）", ip_whitelist: "IP 白名单（每行一个，空为不限）",
  force_refresh_excess: "强制刷新超过 20 次", force_refresh_grace: "强制刷新后旧令牌还能用（秒）", push_mode: "服务号加密方式", mp_push_format: "小程序推送格式",
  push_copies: "每条推送发几份", push_delay_seconds: "随机延迟（最多几秒）", push_hold: "扣留几条后倒序发出（0 为不扣）", snapshot: "快照页（虚拟账号）",
  unionid: "已绑定开放平台（有 unionid）", web_domains: "网页授权与 JS 接口域名（每行一个，空为服务的域名）", published_pages: "已发布的小程序页面（每行一个，空为不限）",
  link_rules: "普通链接规则（JSON：[{\"prefix\": \"…\", \"published\": true, \"page\": \"…\"}]）",
};
const CHOICES = { push_mode: ["safe", "compat", "plain"], mp_push_format: ["xml", "json"], force_refresh_excess: ["same", "45009"], template_status: ["success", "failed:user block", "failed: system failed"] };

async function send(path, body) {
  const answer = await fetch(`/sandbox/api/${path}`, { method: "POST", body: JSON.stringify(body) });
  const told = await answer.json();
  toast(answer.ok ? "已生效" : told.problem);
  return told;
}

function field(name, value) {
  const save = (made) => send("switches", { [name]: made });
  if (CHOICES[name]) return h("label", {}, NAMES[name], h("select", { onchange: (event) => save(event.target.value) }, CHOICES[name].map((one) => h("option", { selected: one === value }, one))));
  if (typeof value === "boolean") return h("label", {}, NAMES[name], h("input", { type: "checkbox", checked: value, onchange: (event) => save(event.target.checked) }));
  if (Array.isArray(value)) {
    const lines = name === "link_rules" ? JSON.stringify(value, null, 1) : value.join("\n");
    const read = (text) => (name === "link_rules" ? JSON.parse(text || "[]") : text.split("\n").map((one) => one.trim()).filter(Boolean));
    const box = h("textarea", { spellcheck: "false", onchange: (event) => { try { save(read(event.target.value)); } catch { toast("不是有效的 JSON"); } } });
    box.value = lines;
    return h("label", { class: "tall" }, NAMES[name], box);
  }
  return h("label", {}, NAMES[name], h("input", { type: "number", step: "any", min: "0", value: String(value), onchange: (event) => save(Number(event.target.value)) }));
}

async function draw() {
  const now = await (await fetch("/sandbox/api/switches")).json();
  for (const group of document.querySelectorAll(".fields")) group.replaceChildren(...group.dataset.fields.split(" ").map((name) => field(name, now[name])));
  document.getElementById("forced").replaceChildren(...now.forced.map((one) => h("li", {}, `接下来 ${one.times} 次 ${one.path} → ${one.errcode}`)));
  return now;
}

async function showClock() {
  const told = await (await fetch("/sandbox/api/clock")).json();
  document.getElementById("now").textContent = told.now.slice(0, 19).replace("T", " ");
}

document.getElementById("clock").addEventListener("click", async (event) => {
  const { forward, stop, reset } = event.target.dataset;
  if (forward || stop || reset) { await send("clock", forward ? { forward: Number(forward) } : stop ? { stop: true } : { reset: true }); showClock(); }
});
document.getElementById("force").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const now = await draw();
  await send("switches", { forced: [...now.forced, { path: form.get("path"), errcode: Number(form.get("errcode")), times: Number(form.get("times")) }] });
  draw();
});
const told = document.getElementById("told");
const tell = (what) => { told.hidden = false; told.textContent = JSON.stringify(what, null, 2); };
document.getElementById("verify").addEventListener("click", async () => tell(await send("verify", {})));
document.getElementById("forge").addEventListener("submit", async (event) => { event.preventDefault(); tell(await send("forge", { kind: new FormData(event.target).get("kind") })); });
document.getElementById("reset").addEventListener("click", async () => { await send("switches", { reset: true }); draw(); });
await draw();
await showClock();
setInterval(() => showClock().catch(() => {}), 1000);
