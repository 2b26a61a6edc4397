/* The form of a draft: its messages are made of the account's templates, each keyword a fixed text or of the person. */
"use strict";

const form = document.getElementById("campaign-form");
const waysBox = document.getElementById("ways");
const waysKept = document.getElementById("ways-kept"); // as JSON: console.js keeps it with the rest of the form
const addButton = document.getElementById("add-way");
const CHANNEL_NAMES = { template: "公众号模板消息", oa_subscription: "公众号订阅通知", mp_subscription: "小程序订阅消息" };
let templates = [];
let personFields = [];
let serial = 0;

function option(value, text) {
  const made = element("option", "", text);
  made.value = value;
  return made;
}

function labelled(text, id, field, className = "field") {
  const made = element("div", className);
  const label = element("label", "", text);
  label.htmlFor = id;
  field.id = id;
  made.append(label, field);
  return made;
}

/** One message: its template, and below it a row for each keyword. */
function addWay(kept) {
  serial += 1;
  const at = serial;
  const way = element("div", "way");
  const choice = element("select");
  choice.append(option("", "请选择"));
  for (const channel of Object.keys(CHANNEL_NAMES)) {
    const group = element("optgroup");
    group.label = CHANNEL_NAMES[channel];
    for (const one of templates.filter((template) => template.channel === channel)) group.append(option(`${channel} ${one.template}`, one.title));
    if (group.children.length) choice.append(group);
  }
  const slots = element("div", "slots-of-way");
  choice.addEventListener("change", () => showSlots(way, at, {}));
  const head = element("div", "way-head");
  const remove = element("button", "link bad", "删除");
  remove.type = "button";
  remove.addEventListener("click", () => { way.remove(); recount(); form.dispatchEvent(new Event("change")); });
  head.append(labelled("模板", `way-${at}`, choice), remove);
  way.append(head, slots);
  waysBox.append(way);
  if (kept?.template) {
    choice.value = `${kept.channel} ${kept.template}`;
    if (!choice.value) mark(choice, "原来的模板已经不在账号里，请另选。");
    showSlots(way, at, kept);
  }
  recount();
}

function chosenTemplate(way) {
  const [channel, template] = way.querySelector("select").value.split(" ");
  return templates.find((one) => one.channel === channel && one.template === template);
}

function showSlots(way, at, kept) {
  const place = way.querySelector(".slots-of-way");
  const template = chosenTemplate(way);
  place.replaceChildren(...(template?.keywords ?? []).map((one) => slot(at, one, kept)));
  form.dataset.key = "";
}

/** A keyword: fixed text, or one of the person's fields. */
function slot(at, { keyword, label }, kept) {
  const row = element("div", "slot-row field");
  row.dataset.keyword = keyword;
  const source = element("select");
  source.setAttribute("aria-label", label);
  source.append(option("", "固定文字"));
  for (const one of personFields) source.append(option(one.name, `每人的${one.label}`));
  const text = element("input");
  text.maxLength = 60;
  text.setAttribute("aria-label", `${label}的文字`);
  source.value = kept.personal?.[keyword] ?? "";
  text.value = kept.constants?.[keyword] ?? "";
  const show = () => { text.hidden = source.value !== ""; };
  source.addEventListener("change", show);
  show();
  source.id = `slot-${at}-${keyword}`;
  text.id = `text-${at}-${keyword}`;
  row.append(element("span", "", label), source, text);
  return row;
}

function recount() {
  const ways = waysBox.querySelectorAll(".way");
  addButton.disabled = ways.length >= Object.keys(CHANNEL_NAMES).length || !templates.length;
  ways.forEach((way) => { way.querySelector(".link").hidden = ways.length === 1; });
}

function beijing(value) { return value ? `${value.replace(" ", "T")}:00+08:00` : null; }

function ticked(name, read) {
  return [...form.querySelectorAll(`[data-list="${name}"]:checked`)].map((one) => read(one.value));
}

/** The messages as the form has them, also half filled in. */
function waysNow() {
  return [...waysBox.querySelectorAll(".way")].map((way) => {
    const [channel, template] = way.querySelector("select").value.split(" ");
    const [constants, personal, order] = [{}, {}, []];
    for (const row of way.querySelectorAll("[data-keyword]")) {
      order.push(row.dataset.keyword);
      const source = row.querySelector("select").value;
      if (source) personal[row.dataset.keyword] = source;
      else constants[row.dataset.keyword] = row.querySelector("input").value.trim();
    }
    return { channel, template: template ?? "", constants, personal, order };
  });
}

function written() {
  const same = (text) => text;
  return {
    name: form.elements.name.value.trim(),
    kind: form.elements.kind.value,
    path: form.elements.path.value || null,
    ways: waysNow().map(({ channel, template, constants, personal, order }) => ({
      channel: channel || "template",
      template,
      fields: order.map((keyword) => (keyword in personal ? { keyword, person: personal[keyword] } : { keyword, constant: constants[keyword] })),
    })),
    audience: {
      plans: ticked("plans", Number),
      schools: ticked("schools", Number),
      levels: ticked("levels", same),
      outcomes: ticked("outcomes", same),
      payment: ticked("payment", same),
      certificate: form.querySelector("#certificate").value || null,
      binding: form.querySelector("#binding").value || null,
      uses_list: form.querySelector("#uses_list").checked,
    },
    start_at: beijing(form.elements.start_at.value),
    not_after: beijing(form.elements.not_after.value),
    quiet_from: form.elements.quiet_from.value || null,
    quiet_until: form.elements.quiet_until.value || null,
    per_second: Number(form.elements.per_second.value),
    per_day: Number(form.elements.per_day.value),
  };
}

/** What the browser can see is wrong. */
function fits() {
  if (!looksRight(form)) return false;
  const wrong = [];
  for (const way of waysBox.querySelectorAll(".way")) {
    if (!chosenTemplate(way)) wrong.push([way.querySelector("select"), "请选择模板。"]);
    for (const row of way.querySelectorAll("[data-keyword]")) {
      const [source, text] = [row.querySelector("select"), row.querySelector("input")];
      if (!source.value && !text.value.trim()) wrong.push([text, "请填写，或改成每人的信息。"]);
    }
  }
  for (const [field, text] of wrong) mark(field, text);
  wrong[0]?.[0].focus();
  return !wrong.length;
}

/** The field that a pointer of a refusal means, if it is one of ours. */
function placeOf(pointer) {
  const [, first, index, part, keyword] = pointer.split("/");
  if (first === "ways" && index !== undefined) {
    const way = waysBox.querySelectorAll(".way")[Number(index)];
    if (!way) return null;
    if (part !== "fields") return way.querySelector("select");
    const rows = [...way.querySelectorAll("[data-keyword]")];
    const row = rows.find((one) => one.dataset.keyword === keyword) ?? rows[Number(keyword)];
    return row ? [...row.querySelectorAll("input, select")].find((one) => !one.hidden && one.tagName === "INPUT") ?? row.querySelector("select") : way.querySelector("select");
  }
  if (first === "audience") return form.querySelector(`[data-at="${pointer.split("/").slice(0, 3).join("/")}"]`) ?? form.querySelector('[data-at="/audience"]');
  const field = form.elements[first];
  return field instanceof HTMLElement ? field : null;
}

function markAt(place, text) {
  if ("at" in place.dataset) place.append(element("p", "field-error", text));
  else mark(place, text);
}

async function save() {
  const place = form.querySelector(".said");
  place.replaceChildren();
  if (!fits()) { say(place, "还有没填好的地方，见红字。"); return; }
  const button = document.getElementById("save");
  button.disabled = true;
  try {
    const { id } = form.dataset;
    const made = id ? await api("PUT", `/campaigns/${id}`, written()) : await api("POST", "/campaigns", written(), key(form));
    sayLater("草稿已保存，什么也没有发。");
    go(`/console/campaigns/${id || made.id}`);
  } catch (error) {
    newKey(form, error);
    if (!error.isOver) tell(place, error);
    button.disabled = false;
  }
}

function tell(place, error) {
  const errors = error.problem.errors || [];
  const left = errors.filter((one) => {
    const field = placeOf(one.pointer || "");
    if (field) markAt(field, one.detail);
    return !field;
  });
  say(place, errors.length && !left.length ? "还有要改的地方，见红字。" : left.map((one) => one.detail).join(" ") || error.message);
  form.querySelector("[aria-invalid]")?.focus();
}

async function begin() {
  const waiting = document.getElementById("ways-waiting");
  try {
    const choices = await api("GET", "/campaigns/choices");
    templates = choices.templates;
    personFields = choices.person_fields;
  } catch (error) {
    const again = element("button", "button plain", "再问一次");
    again.type = "button";
    again.addEventListener("click", () => { again.remove(); begin(); });
    say(waiting, `${error.message}`);
    waiting.after(again);
    return;
  }
  waiting.remove();
  if (!templates.length) {
    waysBox.append(element("p", "note wait", "账号里还没有可以用的模板。请在微信公众平台添加模板以后刷新本页。"));
    return;
  }
  const kept = JSON.parse(waysKept.value || "[]");
  for (const way of kept.length ? kept : [null]) addWay(way);
  document.getElementById("save").disabled = false;
  countSoon();
}

for (const sieve of form.querySelectorAll("[data-sieve]")) {
  sieve.addEventListener("input", () => {
    for (const one of document.querySelectorAll(`#${sieve.dataset.sieve} .check`)) {
      one.hidden = !one.textContent.includes(sieve.value.trim()) && !one.querySelector(":checked");
    }
  });
}
addButton.addEventListener("click", () => addWay(null));
/* The count of what the form says now: asked a moment after the last change, one at a time. */
const countPlace = document.getElementById("count");
const COUNT_AFTER = 700; // milliseconds without a change
let countTimer = 0;
let countAsked = "";
let isCounting = false;

function countSoon() {
  clearTimeout(countTimer);
  countTimer = setTimeout(count, COUNT_AFTER);
}

async function count() {
  const { kind, audience } = written();
  const ways = waysNow().filter((way) => way.template).map(({ channel, template }) => ({ channel, template }));
  const body = { kind, audience, ways, campaign_id: Number(form.dataset.id) || null };
  const asked = JSON.stringify(body);
  if (isCounting || asked === countAsked) return;
  if (!audience.plans.length && !audience.schools.length && !audience.uses_list) {
    countAsked = "";
    countPlace.textContent = "";
    return;
  }
  countAsked = asked;
  isCounting = true;
  countPlace.textContent = "正在数人……";
  let said;
  try {
    const { people, reachable } = await api("POST", "/campaigns/count", body);
    said = `现在共 ${people.toLocaleString("en-US")} 人` + (ways.length ? `，送得到 ${reachable.toLocaleString("en-US")} 人` : "");
  } catch (error) {
    said = error.problem.errors?.[0]?.detail ?? error.message;
  }
  isCounting = false;
  countPlace.textContent = said;
  countSoon(); // it may have changed meanwhile
}

for (const kind of ["input", "change"]) {
  form.addEventListener(kind, () => {
    countSoon();
    form.dataset.key = ""; // something else is another request
    if (templates.length) waysKept.value = JSON.stringify(waysNow());
  });
}
form.addEventListener("submit", (event) => { event.preventDefault(); save(); });
begin();
