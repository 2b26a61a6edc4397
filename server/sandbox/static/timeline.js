// The timeline: newest first, filtered, refreshed; each row opens to what was said. The address keeps the filter.
import { h } from "./dom.js";

const WAYS = { in: "服务 → 微信", push: "微信 → 服务", page: "人的操作" };
const NAMES = { query: "参数", request: "请求", message: "消息（明文）", response: "回答", answer: "回答", mode: "加密方式", attempt: "第几次", person: "谁", caller: "来自", status: "HTTP", alarm: "微信会报警", remark: "提醒", forged: "伪造", url: "网址", code: "code" };
const MOST = 300;
const list = document.getElementById("rows");
const form = document.getElementById("tools");
const rows = new Map();
let paused = false;

const isThere = (value) => value !== null && value !== "" && !(typeof value === "object" && !Object.keys(value).length);

/** Short facts in one line each, then what was said, in full. */
function details(row) {
  const shown = Object.entries(row).filter(([name, value]) => NAMES[name] && isThere(value));
  const long = ([, value]) => typeof value === "object" || String(value).length > 60;
  return h("div", { class: "details" },
    h("dl", { class: "facts" }, h("div", {}, h("dt", {}, "时间"), h("dd", {}, row.at)), shown.filter((one) => !long(one)).map(([name, value]) => h("div", {}, h("dt", {}, NAMES[name]), h("dd", {}, String(value))))),
    h("div", { class: "bodies" }, shown.filter(long).map(([name, value]) => h("section", {},
      h("h3", {}, NAMES[name]), h("pre", { tabindex: "0" }, typeof value === "object" ? JSON.stringify(value, null, 2) : pretty(String(value)))))));
}

/** XML with a line for each element, as far as it is one. */
const pretty = (text) => (text.startsWith("<xml>") ? text.replaceAll("><", ">\n<").replaceAll(">\n<![CDATA[", "><![CDATA[") : text);

/** Numbers of messages have 64 bits, more than a script's numbers hold: they become texts. */
const parsed = (text) => JSON.parse(text.replace(/"(MsgI[dD]|msgid)":\s*(\d{16,})/g, '"$1":"$2"'));

function about(row) {
  const said = row.message?.Event ?? (row.message?.MsgType && (row.message.Content ?? row.message.MsgType));
  return [row.person, said, row.attempt > 1 ? `第 ${row.attempt} 次` : ""].filter(Boolean).join(" · ");
}

function entry(row) {
  const mark = row.ok === null ? "verdict" : row.ok ? "verdict yes" : "verdict no";
  const note = about(row);
  const item = h("details", {}, h("summary", {}, h("time", { title: row.at }, row.at.slice(11, 23)), h("span", { class: `way ${row.direction}` }, WAYS[row.direction]),
    h("span", { class: "what" }, row.what.replace(/(https?:\/\/[^/]+)/, ""), note && h("small", {}, note)),
    h("span", { class: mark }, row.verdict), h("span", { class: "ms" }, row.ms == null ? "" : `${row.ms} ms`)));
  item.addEventListener("toggle", () => item.open && item.children.length === 1 && item.append(details(row)));
  return h("li", { "data-id": row.id, "data-direction": row.direction, "data-ok": String(row.ok) }, item);
}

function wanted(row) {
  const { direction, words, bad } = form.elements;
  const looked = words.value.trim().toLowerCase();
  return (!direction.value || row.direction === direction.value) && (!bad.checked || row.ok === false)
    && (!looked || JSON.stringify(row).toLowerCase().includes(looked));
}

function draw() {
  const open = new Set([...list.querySelectorAll("details[open]")].map((one) => one.parentNode.dataset.id));
  const all = [...rows.values()];
  const shown = all.filter(wanted).sort((a, b) => b.id - a.id).slice(0, MOST);
  list.replaceChildren(...shown.map((row) => {
    const item = entry(row);
    if (open.has(String(row.id))) item.firstChild.open = true;
    return item;
  }));
  const refused = all.filter((row) => row.ok === false).length;
  document.getElementById("count").textContent = all.length ? `最近 ${all.length} 条，${refused} 条没有通过` : "";
  document.getElementById("empty").hidden = shown.length > 0;
}

let last = "";
async function refresh() {
  if (paused || document.visibilityState !== "visible") return;
  const text = await (await fetch(`/sandbox/api/timeline?last=${MOST}`)).text();
  if (text === last) return;
  last = text;
  rows.clear();
  for (const row of parsed(text).items) rows.set(row.id, row);
  draw();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  const kept = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", `#${kept}`);
  pointHar();
  draw();
});
for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  const field = form.elements[name];
  if (field instanceof RadioNodeList) field.value = value;
  else if (field?.type === "checkbox") field.checked = true;
  else if (field) field.value = value;
}
/** The file holds what the filter shows. */
function pointHar() {
  const { direction, words, bad } = form.elements;
  const query = new URLSearchParams([["direction", direction.value], ["words", words.value.trim()], ["ok", bad.checked ? "0" : ""]].filter(([, value]) => value));
  document.getElementById("har").href = `/sandbox/api/timeline.har?${query}`;
}
pointHar();
document.getElementById("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.setAttribute("aria-pressed", String(paused));
  event.target.textContent = paused ? "继续" : "暂停";
});
document.getElementById("clear").addEventListener("click", async () => { await fetch("/sandbox/api/timeline", { method: "DELETE" }); refresh(); });
await refresh();
setInterval(() => refresh().catch(() => {}), 1500);
