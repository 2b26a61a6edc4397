// The timeline: newest first, filtered, refreshed; each row opens to what was said.
import { h } from "./dom.js";

const WAYS = { in: "服务 → 微信", push: "微信 → 服务", page: "人的操作" };
const NAMES = { query: "参数", request: "请求", message: "消息（明文）", response: "回答", answer: "回答", mode: "加密方式", attempt: "第几次", person: "谁", caller: "来自", status: "HTTP", forged: "伪造", url: "网址", code: "code" };
const list = document.getElementById("rows");
const rows = new Map();
let paused = false;

function details(row) {
  const shown = Object.entries(row).filter(([name, value]) => NAMES[name] && value !== null && value !== "");
  return h("div", { class: "details" }, shown.map(([name, value]) => [
    h("h3", {}, NAMES[name]), h("pre", {}, typeof value === "object" ? JSON.stringify(value, null, 2) : String(value))]));
}

function entry(row) {
  const mark = row.ok === null ? "verdict" : row.ok ? "verdict yes" : "verdict no";
  const item = h("details", {}, h("summary", {}, h("time", {}, row.at.slice(11, 23)), h("span", { class: `way ${row.direction}` }, WAYS[row.direction]),
    h("span", { class: "what" }, row.what.replace(/(https?:\/\/[^/]+)/, ""), row.attempt > 1 ? `（第 ${row.attempt} 次）` : "", row.message?.Event ? ` ${row.message.Event}` : ""),
    h("span", { class: mark }, row.verdict), h("span", { class: "ms" }, row.ms == null ? "" : `${row.ms} ms`)));
  item.addEventListener("toggle", () => item.children.length === 1 && item.append(details(row)));
  return h("li", { "data-id": row.id }, item);
}

function wanted(row) {
  const direction = document.getElementById("direction").value;
  const words = document.getElementById("words").value.trim().toLowerCase();
  return (!direction || row.direction === direction) && (!document.getElementById("bad").checked || row.ok === false)
    && (!words || JSON.stringify(row).toLowerCase().includes(words));
}

function draw() {
  const open = new Set([...list.querySelectorAll("details[open]")].map((one) => one.parentNode.dataset.id));
  const shown = [...rows.values()].filter(wanted).sort((a, b) => b.id - a.id).slice(0, 300);
  list.replaceChildren(...shown.map((row) => {
    const item = entry(row);
    if (open.has(String(row.id))) item.firstChild.open = true;
    return item;
  }));
  document.getElementById("empty").hidden = shown.length > 0;
}

let last = "";
async function refresh() {
  if (paused || document.visibilityState !== "visible") return;
  const text = await (await fetch("/sandbox/api/timeline?last=300")).text();
  if (text === last) return;
  last = text;
  rows.clear();
  for (const row of JSON.parse(text).items) rows.set(row.id, row);
  draw();
}

for (const id of ["direction", "bad", "words"]) document.getElementById(id).addEventListener("input", draw);
document.getElementById("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.setAttribute("aria-pressed", String(paused));
  event.target.textContent = paused ? "继续" : "暂停";
});
document.getElementById("clear").addEventListener("click", async () => { await fetch("/sandbox/api/timeline", { method: "DELETE" }); refresh(); });
await refresh();
setInterval(() => refresh().catch(() => {}), 1500);
