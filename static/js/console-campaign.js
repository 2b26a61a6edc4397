/* One campaign: how far it is, whom it is for, how it reads for a real person, and a list that is handed in. */
"use strict";

const shownCampaign = document.querySelector("[data-campaign]");
const campaignId = shownCampaign.dataset.campaign;
const AUDIENCE_MS = 60_000;
const LEAST_MS = 2000;

/* How far it is: asked again and again while anything may change. The more there is to count, the more seldom. */
async function follow() {
  const began = Date.now();
  if (!document.hidden && !underWay) await renew();
  const wait = Math.max(LEAST_MS, 10 * (Date.now() - began));
  if (document.getElementById("progress").dataset.live === "1") setTimeout(follow, wait);
}

async function renew() {
  const old = document.getElementById("progress");
  let fresh;
  try {
    const answer = await fetch(`/console/campaigns/${campaignId}/progress`, { credentials: "same-origin" });
    if (answer.redirected) return toLogin();
    if (!answer.ok) return undefined; // asked again
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("progress");
  } catch {
    return undefined; // no network: asked again
  }
  if (underWay || !fresh) return undefined; // our own step
  if (fresh.dataset.state !== shownCampaign.dataset.state || fresh.dataset.frozen !== shownCampaign.dataset.frozen) return moved(fresh);
  if (fresh.innerHTML === old.innerHTML || old.querySelector(":focus:not(a)")) return undefined;
  const focused = document.activeElement?.closest("#progress") ? document.activeElement.id : "";
  old.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
  return undefined;
}

/** Somebody else, or the program itself, took a step: this page's buttons are out of date. */
function moved(fresh) {
  if (!document.querySelector("dialog[open]")) return location.reload();
  const note = document.getElementById("sure-stale");
  note.textContent = "这个群发刚刚有了变化。请关闭后查看最新情况。";
  note.hidden = false;
  document.getElementById("sure-yes").disabled = true;
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    dialog.addEventListener("close", () => { if (dialog.returnValue !== "yes") location.reload(); }, { once: true });
  }
  shownCampaign.dataset.state = fresh.dataset.state; // told once
  return undefined;
}

/* Whom it is for. Counting a million takes its time; the page is there before. */
const box = document.getElementById("audience");

async function countPeople() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), AUDIENCE_MS);
  try {
    const answer = await fetch(`${API}/campaigns/${campaignId}/audience`, { credentials: "same-origin", signal: stop.signal, headers: { accept: "application/json" } });
    const data = await answer.json();
    if (answer.ok) showPeople(data);
    else if (answer.status === 401) toLogin();
    else noPeople(data.detail || "人数没有数出来。");
  } catch {
    noPeople(stop.signal.aborted ? "人太多，一分钟之内没有数完。可以照样提交，快照写好以后人数是准的。" : "连接不上服务器，人数没有数出来。");
  } finally {
    clearTimeout(timer);
    box.setAttribute("aria-busy", "false");
  }
}

function noPeople(text) {
  const again = element("button", "button plain", "再数一次");
  again.type = "button";
  again.addEventListener("click", () => {
    box.replaceChildren(element("p", "soft", "正在数人……"));
    countPeople();
  });
  box.replaceChildren(element("p", "note wait", text), again);
}

function figure(list, name, value, className = "") {
  const pair = element("div");
  pair.append(element("dt", "", name), element("dd", className, value.toLocaleString("en-US")));
  list.append(pair);
}

const CHANNEL_NAMES = { template: "公众号模板消息", oa_subscription: "公众号订阅通知", mp_subscription: "小程序订阅消息" };

function peopleTable(title, people, last, text) {
  const table = element("table", "cards-when-narrow people");
  const titles = ["姓名", "院校", last];
  const head = table.createTHead().insertRow();
  for (const one of titles) head.append(element("th", "", one));
  const body = table.createTBody();
  for (const one of people) {
    const row = body.insertRow();
    const name = one.admission_number_tail ? `${one.name_masked}（准考证号末四位 ${one.admission_number_tail}）` : one.name_masked;
    [name, one.school || "–", text(one)].forEach((cell, place) => {
      const made = element("td", "", cell);
      made.dataset.label = titles[place];
      row.append(made);
    });
  }
  const inside = element("div", "table-box");
  inside.tabIndex = 0;
  inside.setAttribute("role", "region");
  inside.setAttribute("aria-label", title);
  inside.append(table);
  return [element("h3", "", title), inside];
}

function showPeople(now) {
  const figures = element("dl", "figures");
  figure(figures, now.is_frozen ? "快照里的人" : "此刻选中的人", now.people);
  figure(figures, "能送到", now.reachable);
  figure(figures, "送不到", now.people - now.reachable, now.people > now.reachable ? "bad" : "");
  const parts = [figures];
  if (now.unreached.length) {
    const list = element("ul", "rows");
    for (const one of now.unreached) {
      const item = element("li");
      item.append(element("b", "", one.why), element("span", "soft", `${one.count.toLocaleString("en-US")} 人`));
      list.append(item);
    }
    parts.push(element("h3", "", "送不到的原因"), list);
  }
  if (now.sample.length) parts.push(...peopleTable("能送到的人，前几位", now.sample, "从哪里", (one) => CHANNEL_NAMES[one.channel] || one.channel));
  if (now.without_way.length) parts.push(...peopleTable("送不到的人，前几位", now.without_way, "原因", (one) => one.why_not));
  if (!now.people) parts.push(element("p", "note wait", "现在一个人也没有选中。"));
  else if (!now.reachable) parts.push(element("p", "note wait", "选中的人都送不到，批准不了。"));
  box.replaceChildren(...parts);
}

/* How it reads for a real person, and one message to oneself. */
const rehearse = document.getElementById("rehearse");

function wantedPerson() {
  const number = document.getElementById("whom").value.trim();
  return number ? { admission_number: number } : {};
}

async function tried(button, work) {
  const place = rehearse.querySelector(".said");
  place.replaceChildren();
  button.disabled = true;
  underWay += 1;
  try {
    await work();
  } catch (error) {
    if (!error.isOver) say(place, error.message);
  } finally {
    underWay -= 1;
    button.disabled = false;
  }
}

async function preview() {
  const { items } = await api("POST", `/campaigns/${campaignId}/preview`, wantedPerson());
  let faults = 0;
  for (const one of items) {
    const list = document.querySelector(`.phone-shot[data-channel="${one.channel}"] dl`);
    list.replaceChildren(...one.lines.map((line) => {
      const pair = element("div");
      const value = element("dd", "", line.value);
      if (line.fault) { value.append(element("span", "fault", line.fault)); faults += 1; }
      pair.append(element("dt", "", line.label), value);
      return pair;
    }));
  }
  toast(faults ? "这个人的信息有微信不收的地方，见红字。" : "已换成这个人的信息。", faults ? "wait" : "good");
}

if (rehearse) {
  rehearse.addEventListener("submit", (event) => {
    event.preventDefault();
    tried(rehearse.querySelector("[type=submit]"), preview);
  });
  const test = document.getElementById("test-send");
  test?.addEventListener("click", () => tried(test, async () => {
    await api("POST", `/campaigns/${campaignId}/test-send`, wantedPerson());
    toast("已发给您自己的微信，请在公众号里看。");
  }));
}

/* A list of people. */
const listForm = document.getElementById("list-form");
listForm?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const place = listForm.querySelector(".said");
  const [file] = document.getElementById("list-file").files;
  if (!file) { say(place, "请先选择名单。"); return; }
  const sent = new FormData();
  sent.set("campaign_id", campaignId);
  sent.set("file", file);
  const button = listForm.querySelector("[type=submit]");
  button.disabled = true;
  underWay += 1;
  try {
    const counts = await api("POST", "/campaigns/lists", sent);
    sayLater(`名单已上传：认出 ${counts.taken} 人${counts.refused ? `，认不出 ${counts.refused} 行` : ""}。`, counts.refused ? "wait" : "good");
    go();
  } catch (error) {
    if (!error.isOver) say(place, error.problem.errors?.[0]?.detail || error.message);
  } finally {
    underWay -= 1;
    button.disabled = false;
  }
});

countPeople();
if (document.getElementById("progress").dataset.live === "1") setTimeout(follow, LEAST_MS);
