// The switches: each saves itself when it changes; the ones that are not as at the beginning are marked.
import { h, toast } from "./dom.js";

async function send(path, body) {
  const answer = await fetch(`/sandbox/api/${path}`, { method: "POST", body: JSON.stringify(body) });
  const told = await answer.json();
  toast(answer.ok ? "已生效" : told.problem);
  return answer.ok ? told : null;
}

const lines = (text) => text.split("\n").map((one) => one.trim()).filter(Boolean);
const READ = {
  checkbox: (field) => field.checked,
  number: (field) => Number(field.value),
  choice: (field) => field.value,
  text: (field) => field.value.trim(),
  lines: (field) => lines(field.value),
  json: (field) => JSON.parse(field.value || "[]"),
};

function show(field, value) {
  if (field.dataset.kind === "checkbox") field.checked = value;
  else if (field.dataset.kind === "lines") field.value = value.join("\n");
  else if (field.dataset.kind === "json") field.value = value.length ? JSON.stringify(value, null, 1) : "";
  else field.value = String(value);
  mark(field, value);
}

function mark(field, value) {
  const label = field.closest("label");
  label.classList.toggle("changed", JSON.stringify(value) !== JSON.stringify(JSON.parse(label.dataset.begin)));
  const number = document.querySelectorAll(".fields .changed").length + document.getElementById("forced").children.length;
  document.getElementById("changed").textContent = number ? `${number} 处不是原样` : "一切正常";
  document.getElementById("reset").disabled = !number;
}

for (const field of document.querySelectorAll(".fields [name]")) {
  field.addEventListener("change", async () => {
    let value;
    try { value = READ[field.dataset.kind](field); } catch { toast("不是有效的 JSON"); return; }
    const now = await send(field.closest("section").dataset.path, { [field.name]: value });
    if (now) show(field, now[field.name]);
  });
}

/** What others have turned meanwhile: tests, another tab, switches that used themselves up. */
async function refresh() {
  if (document.visibilityState !== "visible") return;
  for (const path of new Set([...document.querySelectorAll("[data-path]")].map((one) => one.dataset.path))) {
    const now = await (await fetch(`/sandbox/api/${path}`)).json();
    if (path === "switches") drawForced(now.forced);
    for (const field of document.querySelectorAll(`[data-path="${path}"] .fields [name]`)) {
      if (field !== document.activeElement) show(field, now[field.name]);
    }
  }
  const clock = await (await fetch("/sandbox/api/clock")).json();
  document.getElementById("now").textContent = clock.now.slice(0, 19).replace("T", " ");
}

function drawForced(orders) {
  const cancel = (place) => async () => { await send("switches", { forced: orders.filter((_, number) => number !== place) }); refresh(); };
  document.getElementById("forced").replaceChildren(...orders.map((one, place) => h("li", {},
    h("span", {}, `接下来 ${one.times} 次 `, h("code", {}, one.path), ` 回答 ${one.errcode}`), h("button", { type: "button", onclick: cancel(place) }, "取消"))));
}

document.getElementById("clock").addEventListener("click", async (event) => {
  const { forward, stop, reset } = event.target.dataset;
  if (forward || stop || reset) { await send("clock", forward ? { forward: Number(forward) } : stop ? { stop: true } : { reset: true }); refresh(); }
});
document.getElementById("force").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const now = await (await fetch("/sandbox/api/switches")).json();
  await send("switches", { forced: [...now.forced, { path: form.get("path").trim() || "*", errcode: Number(form.get("errcode")), times: Number(form.get("times")) }] });
  refresh();
});
const told = document.getElementById("told");
const tell = (what) => { told.hidden = false; told.textContent = JSON.stringify(what, null, 2); };
document.getElementById("verify").addEventListener("click", async () => tell(await send("verify", {})));
document.getElementById("release").addEventListener("click", async () => tell(await send("release", {})));
document.getElementById("forge").addEventListener("submit", async (event) => { event.preventDefault(); tell(await send("forge", { kind: new FormData(event.target).get("kind") })); });
document.getElementById("reset").addEventListener("click", async () => {
  for (const path of new Set([...document.querySelectorAll("[data-path]")].map((one) => one.dataset.path))) await send(path, { reset: true });
  refresh();
});
await refresh();
setInterval(() => refresh().catch(() => {}), 1500);
