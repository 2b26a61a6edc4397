// What a mini-program stands on: wx.login, wx.request with a session, subscriptions, payment, the phone number, files.
import { askSubscription, scanOver } from "../webview.js";
import { payForProgram } from "../cash_desk.js";
import { h, toast } from "../dom.js";
import { sheet } from "../sheet.js";

/** The service has refused; `code` and `message` are its own. */
export class Refused extends Error {
  constructor(status, body) {
    const fields = (body?.errors ?? []).map((one) => one.detail).filter(Boolean).join("\n");
    super(fields || body?.detail || body?.title || `服务回答 HTTP ${status}`);
    Object.assign(this, { status, code: body?.code ?? "", title: body?.title || "没有办成" });
  }
}

/** There is no API of this mini-program at the other end; `detail` is for who mends it. */
export class NotConnected extends Error {
  constructor(message, detail = "") { super(message); this.detail = detail; }
}

async function send(phone, method, path, data, token) {
  const asked = { api: true, method, path, token, person: phone.state.person.name, body: data === undefined ? "" : JSON.stringify(data) };
  const answer = await (await fetch("/phone/proxy", { method: "POST", body: JSON.stringify(asked) })).json();
  let body = null;
  try { body = answer.text ? JSON.parse(answer.text) : null; } catch { /* a file, or a page of somebody else's */ }
  return { ...answer, body };
}

function opened(answer) {
  if (answer.problem) throw new NotConnected("连不上它的接口", answer.problem);
  if (answer.status === 204) return null;
  if (answer.status < 300 && (answer.file || answer.picture)) return answer;
  if (answer.status < 300 && answer.body) return answer.body;
  if (!answer.body) throw new NotConnected(`回答是 HTTP ${answer.status}，不是 JSON`);
  throw new Refused(answer.status, answer.body);
}

export class Runtime {
  constructor(phone) {
    this.phone = phone;
    this.key = `program ${phone.person}`;
    this.session = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
  }

  keep(session) {
    this.session = session;
    if (session) { sessionStorage.setItem(this.key, JSON.stringify(session)); sessionStorage.setItem(`token ${this.phone.person}`, session.token); } else sessionStorage.removeItem(this.key);
  }

  /** wx.login, whose code the service turns into a session. */
  async login() {
    const told = await this.phone.tell("login");
    if (told.problem) throw new NotConnected(told.problem);
    const answer = await send(this.phone, "POST", "/session", { code: told.code });
    const isOurs = answer.body && (answer.body.token || answer.body.code);
    if (!answer.problem && !isOurs) throw new NotConnected(`POST /session 的回答是 HTTP ${answer.status}，没有 token`);
    this.keep(opened(answer));
  }

  /** One call of the API; a session that has ended is begun anew, once. */
  async api(method, path, data) {
    for (const isLast of [false, true]) {
      if (!this.session) await this.login();
      const answer = await send(this.phone, method, path, data, this.session.token);
      if (answer.status === 401 && !isLast) this.keep(null);
      else return opened(answer);
    }
    return null;
  }

  isOfficer() { return this.session?.roles?.includes("officer") ?? false; }

  /** wx.requestSubscribeMessage: the ids that were accepted; null when it could not be asked. */
  async subscribe(ids) {
    const { answers, problem } = await askSubscription(this.phone, "mp", ids);
    if (problem) { toast(problem); return null; }
    return ids.filter((id) => answers[id] === "accept");
  }

  /** wx.requestPayment: whether its client said ok, which proves nothing. */
  async pay(params) { return (await payForProgram(this.phone, params))?.errMsg === "requestPayment:ok"; }

  /** open-type=getPhoneNumber: a code, or null. */
  async phoneCode() {
    const { person, mp } = this.phone.state;
    const chosen = await sheet(`${mp.name} 申请获取并验证你的手机号`, [h("p", { class: "asked" }, person.mobile)], ["允许", "不允许"]);
    if (chosen !== "允许") return null;
    const told = await this.phone.tell("phone_code");
    if (told.problem) { toast(told.problem); return null; }
    return told.code;
  }

  /** wx.scanCode. */
  async scan() {
    const text = await scanOver(this.phone);
    if (text) this.phone.follow(await this.phone.act("scan", { text }));
  }

  /** wx.downloadFile and wx.openDocument. */
  async openDocument(path, name) {
    const { file } = await this.api("GET", path);
    if (!file) { toast("没有取到文件"); return; }
    const blob = await (await fetch(file)).blob();
    const size = `${Math.max(1, Math.round(blob.size / 1024))} KB`;
    const link = h("a", { class: "weui-btn weui-btn_plain", href: URL.createObjectURL(blob), download: name }, `保存 ${name}`);
    await sheet(`已下载，${size}`, [link], ["完成"]);
  }
}
