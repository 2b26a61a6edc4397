/* The console's hands: calls to the API, confirmations, forms, dialogs. Declared in the page by data-… attributes.

   data-post / data-delete="/path"   a button that calls the API; data-body (JSON), data-confirm, data-yes, data-then
   form[data-api="METHOD /path/{x}"] a form sent as JSON; {x} comes from a field with data-path="x"
   data-result="dialog"              the answer is shown in this dialog, in elements with data-field
   data-download="name"              the answer is a file, kept under this name
   data-said="…"                     what the next page says when it worked; without, the button's own word is said
   data-key                          the call carries an Idempotency-Key of its own
   data-kind="yuan"                  typed in yuan, sent in fen; data-most (fen): no more than that
   data-open="dialog"                opens a dialog; data-set-x fills its field data-path="x" (with a name, it is sent in the body) */
"use strict";

const API = "/console/api/v1";
const ENDED = new Set(["login_needed", "session_invalid", "session_expired", "session_ended"]);
const csrf = document.querySelector('meta[name="csrf-token"]')?.content || "";

/** Call the API. Throws an Error whose `problem` is the problem document. */
async function api(method, path, body, extra = {}) {
  const headers = { accept: "application/json", "x-csrf-token": csrf, ...extra };
  const options = { method, headers, credentials: "same-origin" };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(API + path, options);
  } catch {
    throw Object.assign(new Error("连接不上服务器，请检查网络后重试。"), { problem: {} });
  }
  if (response.ok && extra.accept) return response.blob();
  const text = await response.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { data = null; }
  if (response.ok) return data;
  const isOver = response.status === 401 && ENDED.has(data?.code) && !document.querySelector("[data-login]");
  if (isOver) toLogin();
  // Logged in anew in another tab: this page's secret is old, its text is not.
  if (data?.code === "csrf" && keepDraft()) location.reload();
  const problem = data || {};
  throw Object.assign(new Error(problem.detail || "出了点问题，请稍后再试。"), { problem, isOver });
}

/* What was typed survives a log-in that ran out: in this tab, for this account and page, until it is taken up again.
   Passwords, codes, files and personal data (data-private) are not kept. A form with a script of its own has data-key. */
const DRAFTED = "form[data-api], form[data-key]";
const nameOf = (form) => form.dataset.api || form.id;

function keepDraft() {
  const forms = [...document.querySelectorAll(DRAFTED)].filter((one) => one.closest("dialog")?.open ?? one.closest("main"));
  const form = forms.find((one) => [...one.elements].some((field) => isKept(field) && isChanged(field)));
  if (!form) return false;
  const values = {};
  for (const field of form.elements) if (isKept(field) || field.dataset?.path) values[field.id || field.dataset.path] = field.type === "checkbox" ? field.checked : field.value;
  const dialog = form.closest("dialog");
  const shown = [...(dialog?.querySelectorAll("[data-show]") ?? [])].map((one) => [one.dataset.show, one.textContent]);
  const draft = { account: document.body.dataset.account, page: location.pathname, dialog: dialog?.id, form: nameOf(form), values, shown };
  sessionStorage.setItem("draft", JSON.stringify(draft));
  return true;
}

function isChanged(field) {
  if (field.tagName === "SELECT") return [...field.options].some((one, at) => one.selected !== (one.defaultSelected || (at === 0 && !field.querySelector("[selected]"))));
  return ["checkbox", "radio"].includes(field.type) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

function isKept(field) {
  return Boolean(field.id) && ["TEXTAREA", "SELECT", "INPUT"].includes(field.tagName) && !("private" in field.dataset)
    && !["password", "hidden", "file"].includes(field.type) && field.autocomplete !== "one-time-code";
}

function restoreDraft() {
  const text = sessionStorage.getItem("draft");
  if (!text || !document.body.dataset.account) return;
  sessionStorage.removeItem("draft");
  const draft = JSON.parse(text);
  if (draft.account !== document.body.dataset.account || draft.page !== location.pathname) return;
  const form = [...document.querySelectorAll(DRAFTED)].find((one) => nameOf(one) === draft.form && one.closest("dialog")?.id === draft.dialog);
  if (!form) return;
  for (const field of form.elements) {
    const value = draft.values[field.id || field.dataset?.path];
    if (value === undefined) continue;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  for (const [name, shown] of draft.shown) form.querySelectorAll(`[data-show="${name}"]`).forEach((one) => { one.textContent = shown; });
  form.closest("dialog")?.showModal();
  const place = form.querySelector(".said");
  if (place) say(place, "您已重新登录，刚才填写的内容还在；请核对后再提交。", "good");
}

function toLogin() {
  const expired = keepDraft() ? "kept" : "1";
  location.href = `/console/login?expired=${expired}&next=${encodeURIComponent(location.pathname + location.search)}`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Say something above the page or inside a form. */
function say(place, text, kind = "bad") {
  place.replaceChildren(element("p", "note " + kind, text));
  place.scrollIntoView({ block: "nearest" });
}

/** Ends the question that is being asked; true for yes. */
let answerQuestion = () => {};

/** Ask; resolves to true if the person is sure. */
function sure(text, yes, danger) {
  const dialog = document.getElementById("sure");
  document.getElementById("sure-text").textContent = text;
  const button = document.getElementById("sure-yes");
  button.textContent = yes || "确定";
  button.classList.toggle("danger", Boolean(danger));
  answerQuestion(false);
  dialog.returnValue = "no";
  // The event of a dialog that was closed comes late, and may come when the next question is open already.
  dialog.onclose = () => { if (!dialog.open) answerQuestion(dialog.returnValue === "yes"); };
  dialog.showModal();
  return new Promise((resolve) => { answerQuestion = resolve; });
}

/** Say at the page's edge what has happened: it is read out, and stays until it is closed. */
function toast(text, kind = "good") {
  const note = element("p", "note " + kind);
  const close = element("button", "", "关闭");
  close.type = "button";
  close.addEventListener("click", () => note.remove());
  note.append(element("span", "", text), close);
  document.getElementById("toast")?.replaceChildren(note);
}

/** Remember a sentence for the page that comes next. */
function sayLater(text, kind = "good") { if (text) sessionStorage.setItem("said", JSON.stringify({ text, kind })); }

function go(where) {
  if (where) location.href = where;
  else location.reload();
}

function showResult(id, data) {
  document.querySelectorAll("dialog[open]").forEach((one) => one.close());
  const dialog = document.getElementById(id);
  if (data.recovery_codes?.length === 0) return go(dialog.dataset.then); // the account has its codes already
  for (const place of dialog.querySelectorAll("[data-field]")) {
    const value = data[place.dataset.field];
    if (place instanceof HTMLImageElement) place.src = value;
    else if (place instanceof HTMLInputElement) place.value = value;
    else place.textContent = value;
  }
  if ("reloadAfter" in dialog.dataset) dialog.addEventListener("close", () => go(dialog.dataset.then), { once: true });
  dialog.showModal();
}

function key(holder) {
  if (!("key" in holder.dataset)) return {};
  holder.dataset.key ||= crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random();
  return { "idempotency-key": holder.dataset.key };
}

/** After a refusal the next try is another request; after a lost answer it is the same one again. */
function newKey(holder, error) {
  if ("key" in holder.dataset && error.problem.code) holder.dataset.key = "";
}

/** Calls of this page under way: what comes of them is told by the page that follows. */
let underWay = 0;

async function press(button) {
  if (button.dataset.confirm && !(await sure(button.dataset.confirm, button.dataset.yes, "danger" in button.dataset))) return;
  const [method, path] = button.dataset.delete ? ["DELETE", button.dataset.delete] : ["POST", button.dataset.post];
  button.disabled = true;
  underWay += 1;
  try {
    const body = button.dataset.body ? JSON.parse(button.dataset.body) : method === "POST" ? {} : undefined;
    const data = await api(method, path, body, key(button));
    if (button.dataset.result) showResult(button.dataset.result, data);
    else {
      const made = data?.preparation; // says itself what came of it, or shows on the next page how far it is
      if (made?.state !== "running") sayLater(made?.summary || button.dataset.said || `“${button.textContent.trim()}”已完成。`);
      go(button.dataset.then);
    }
  } catch (error) {
    newKey(button, error);
    if (error.problem.status === 409) { // this page shows what is no longer so
      sayLater(error.message, "bad");
      go();
    } else if (!error.isOver) say(document.getElementById("said"), error.message);
  } finally {
    underWay -= 1;
    button.disabled = false;
  }
}

/** Fen of a sum in yuan, 120.50 or １,２００: digits are moved, nothing is calculated with fractions. null: not a sum. */
function fenOf(text) {
  const [, whole, part = ""] = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.normalize("NFKC").replace(/[,¥\s]/g, "")) || [];
  return whole === undefined ? null : Number(whole + part.padEnd(2, "0"));
}

function wrongSum(field) {
  const fen = fenOf(field.value);
  if (fen === null) return "请填写以元为单位的金额，最多两位小数，例如 120.50。";
  const most = Number(field.dataset.most || Infinity);
  return fen > most ? `不能超过 ${(most / 100).toLocaleString("zh-CN", { minimumFractionDigits: 2 })} 元。` : "";
}

function valueOf(field) {
  if (field.dataset.kind === "yuan") return fenOf(field.value);
  if (field.dataset.kind === "int") return field.value === "" ? null : Number(field.value);
  if (field.dataset.kind === "beijing") return field.value ? `${field.value.replace(" ", "T")}:00+08:00` : null;
  if (field.type === "checkbox") return field.checked;
  return field.value === "" ? null : field.value;
}

function unmark(form) {
  form.querySelectorAll(".field-error").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
}

function mark(field, text) {
  field.setAttribute("aria-invalid", "true");
  const note = element("p", "field-error", text);
  note.id = (field.id || field.name) + "-error";
  const told = (field.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== note.id);
  field.setAttribute("aria-describedby", [...told, note.id].join(" "));
  field.closest(".field")?.append(note);
}

/** What the browser itself can see is wrong. */
function looksRight(form) {
  unmark(form);
  let first = null;
  for (const field of form.elements) {
    let wrong = "";
    if (field.closest?.("[hidden]")) continue;
    if (field.required && !field.value.trim()) wrong = "请填写这一项。";
    else if (field.minLength > 0 && field.value.length < field.minLength) wrong = `至少要有${field.minLength}个字符。`;
    else if (field.dataset?.kind === "yuan" && field.value) wrong = wrongSum(field);
    else if (field.dataset?.moment && field.value) wrong = wrongMoment(field);
    else if (field.dataset?.sameAs && field.value !== document.getElementById(field.dataset.sameAs).value) wrong = "两次输入不一致，请重新输入。";
    if (wrong) { mark(field, wrong); first ||= field; }
  }
  first?.focus();
  return first === null;
}

async function send(form) {
  if (!looksRight(form)) return;
  let [method, path] = form.dataset.api.split(" ");
  const body = {};
  for (const field of form.elements) {
    if (field.dataset?.path && !field.name) path = path.replace(`{${field.dataset.path}}`, encodeURIComponent(field.value));
    else if (field.dataset?.kind === "list") {
      body[field.name] ||= [];
      if (field.checked) body[field.name].push(field.value);
    } else if (field.name && !field.closest("[hidden]")) {
      const value = valueOf(field);
      if (value !== null) body[field.name] = value;
    }
  }
  const place = form.querySelector(".said") || document.getElementById("said");
  const button = form.querySelector('[type="submit"]');
  place.replaceChildren();
  button.disabled = true;
  try {
    const data = await api(method, path, body, { ...key(form), ...("download" in form.dataset ? { accept: "*/*" } : {}) });
    if (data instanceof Blob) keepFile(data, form.dataset.download);
    sayLater(form.dataset.result ? "" : form.dataset.said || `“${button.textContent.trim()}”已完成。`);
    if (form.dataset.result) showResult(form.dataset.result, data);
    else go(form.dataset.then);
  } catch (error) {
    newKey(form, error);
    if (!error.isOver) showProblem(form, place, error);
  } finally {
    button.disabled = false;
  }
}

/** The browser keeps the file as if it had been asked for by a link. */
function keepFile(blob, name) {
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function showProblem(form, place, error) {
  const placed = (error.problem.errors || []).filter((one) => {
    const field = one.pointer && form.elements[one.pointer.slice(1)];
    if (!(field instanceof HTMLElement)) return false;
    mark(field, one.detail);
    return true;
  });
  const rest = (error.problem.errors || []).filter((one) => !placed.includes(one)).map((one) => one.detail);
  if (rest.length) say(place, rest.join(" "));
  else if (!placed.length) say(place, error.message);
  else form.querySelector("[aria-invalid]").focus();
}

/* What is shown only once does not vanish with Esc. */
document.addEventListener("cancel", (event) => {
  if ("keepOpen" in (event.target.dataset || {})) event.preventDefault();
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.api) { event.preventDefault(); send(form); }
});

document.addEventListener("click", (event) => {
  const target = event.target.closest("button, [data-open]");
  if (!target) return;
  if ("menu" in target.dataset) target.setAttribute("aria-expanded", String(target.getAttribute("aria-expanded") !== "true"));
  if (target.dataset.post || target.dataset.delete) press(target);
  else if (target.dataset.open) open(target);
  else if ("close" in target.dataset) target.closest("dialog").close();
  else if ("copy" in target.dataset) copy(target);
});

function open(button) {
  const dialog = document.getElementById(button.dataset.open);
  for (const [name, value] of Object.entries(button.dataset)) {
    if (!name.startsWith("set")) continue;
    const what = name.slice(3).toLowerCase();
    dialog.querySelectorAll(`[data-path="${what}"]`).forEach((one) => {
      if (one.value !== value && "key" in (one.form?.dataset || {})) one.form.dataset.key = ""; // of another thing: another request
      one.value = value;
    });
    dialog.querySelectorAll(`[data-show="${what}"]`).forEach((one) => { one.textContent = value; });
  }
  dialog.showModal();
}

async function copy(button) {
  const field = button.closest(".copy").querySelector("input");
  field.select();
  try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
  button.textContent = "已复制";
}

document.addEventListener("change", async (event) => {
  const field = event.target;
  if (field.dataset.reveals) {
    const [id, value] = field.dataset.reveals.split(":");
    document.getElementById(id).hidden = field.value !== value;
  }
  if (field.dataset.switch) {
    const question = field.checked ? field.dataset.confirmOn : field.dataset.confirmOff;
    if (question && !(await sure(question, field.checked ? "启用" : "停用"))) {
      field.checked = !field.checked;
      return;
    }
    field.disabled = true;
    try {
      await api("POST", field.dataset.switch, { [field.dataset.name]: field.checked });
      toast(`“${field.closest("label")?.textContent.trim() || "设置"}”已${field.checked ? "启用" : "停用"}。`);
    } catch (error) {
      field.checked = !field.checked;
      say(document.getElementById("said"), error.message);
    } finally {
      field.disabled = false;
    }
  }
});

const kept = sessionStorage.getItem("said");
if (kept) {
  sessionStorage.removeItem("said");
  const { text, kind } = JSON.parse(kept);
  // A live region is read out when it changes, not when it is there from the beginning.
  requestAnimationFrame(() => toast(text, kind));
}
restoreDraft();

const back = document.querySelector("[data-back]");
if (back && history.length > 1) {
  back.hidden = false;
  back.addEventListener("click", () => history.back());
}
