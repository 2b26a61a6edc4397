// Scenarios: what is being recorded, what is being replayed, and those that are kept.
import { h, moment, toast } from "./dom.js";

const NAMES = {
  follow: "关注公众号", unfollow: "取消关注", write: "发消息", send: "发别的消息", block: "收不收公众号消息", menu: "点菜单", scancode: "用菜单扫码",
  agent: "换客户端", scan: "扫一扫", subscribe: "回答订阅", subscriptions: "订阅总开关", enter_program_chat: "联系小程序客服", write_to_program: "给小程序客服发消息",
};
const find = (id) => document.getElementById(id);

async function tell(path, method = "POST", body = undefined) {
  const answer = await fetch(`/sandbox/api/scenarios${path}`, { method, body: body instanceof Blob ? body : body && JSON.stringify(body) });
  if (answer.status === 204) return {};
  const told = await answer.json();
  if (!answer.ok) { toast(told.problem); return null; }
  return told;
}

function about({ act, body }) {
  const said = body.text || body.path || body.kind || "";
  return `${NAMES[act] ?? act}${said ? `：${String(said).slice(0, 80)}` : ""}`;
}

function line(step, mark) {
  return h("li", {}, h("span", { class: "after" }, `＋${step.after.toFixed(1)} 秒`), h("span", {}, step.person), h("span", { class: mark }, about(step)), step.problem && h("span", { class: "problem" }, step.problem));
}

function drawReplay(replay) {
  find("replaying").hidden = !replay;
  if (!replay) return;
  const pace = replay.is_fast ? "快放" : "原速";
  const how = replay.is_over ? (replay.done === replay.steps.length ? "完成" : "停下了") : "正在重放";
  find("replay-text").textContent = `${replay.title}（${pace}）：${how}，${replay.done} / ${replay.steps.length} 步${replay.failed ? `，${replay.failed} 步没有做成` : ""}。`;
  find("replayed").replaceChildren(...replay.steps.map((step) => line(step, step.problem === null ? "waiting" : step.problem ? "bad" : "done")));
  find("halt").hidden = replay.is_over;
}

function drawKept(items, busy) {
  find("none").hidden = items.length > 0;
  const play = (one, fast) => h("button", { type: "button", disabled: busy, onclick: async () => { await tell(`/${one.id}/replay`, "POST", { fast }); refresh(); } }, fast ? "快放" : "原速重放");
  find("kept").replaceChildren(...items.map((one) => h("li", {},
    h("div", {}, h("b", {}, one.title), h("small", {}, `${one.steps} 步，${one.seconds} 秒，${one.people.join("、")}，${moment(one.at)}`)),
    play(one, true), play(one, false), h("a", { class: "download", href: `/sandbox/api/scenarios/${one.id}`, download: "", "aria-label": `下载 ${one.title}` }, "下载"),
    h("button", { type: "button", "aria-label": `删除 ${one.title}`, onclick: async () => { await tell(`/${one.id}`, "DELETE"); refresh(); } }, "删除"))));
}

let last = "";
async function refresh() {
  const text = await (await fetch("/sandbox/api/scenarios")).text();
  if (text === last) return;
  last = text;
  const { items, recording, replay } = JSON.parse(text);
  find("record").hidden = Boolean(recording);
  find("recording").hidden = !recording;
  if (recording) {
    find("recording-text").textContent = `正在录制“${recording.title}”，${recording.steps.length} 步。`;
    find("recorded").replaceChildren(...recording.steps.map((step) => line(step, "")));
  }
  drawReplay(replay);
  drawKept(items, Boolean(recording) || Boolean(replay && !replay.is_over));
}

find("record").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await tell("/recording", "POST", { title: event.target.elements.title.value })) toast("开始录制：去手机上做吧");
  refresh();
});
find("stop").addEventListener("click", async () => {
  if (await tell("/recording", "POST", { stop: true })) { find("record").reset(); toast("已保存"); }
  refresh();
});
find("halt").addEventListener("click", async () => { await tell("/replay", "DELETE"); refresh(); });
find("file").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (file && await tell("", "POST", file)) toast("已放入");
  event.target.value = "";
  refresh();
});
await refresh();
setInterval(() => document.visibilityState === "visible" && refresh().catch(() => {}), 1000);
