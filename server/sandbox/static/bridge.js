// WeChat's side of a page in the web view: WeixinJSBridge, as the client puts it into every page, and the open tags.
// It decides nothing itself: every call goes to the phone around it (webview.js) and comes back with its answer.
"use strict";

(() => {
  const client = JSON.parse(document.currentScript.dataset.client);
  const inPhone = window.parent !== window;
  const came = location.href;
  const waiting = new Map();
  const listeners = new Map();
  let number = 0;

  Object.defineProperty(navigator, "userAgent", { get: () => client.user_agent });
  Object.defineProperty(navigator, "platform", { get: () => client.platform });

  const tell = (what) => { if (inPhone) window.parent.postMessage({ wechat: true, came, here: location.href, ...what }, "*"); };

  function ask(kind, said, done) {
    if (!inPhone) { done({ err_msg: `${said.name ?? kind}:fail_请在手机里打开` }); return; }
    waiting.set(++number, done);
    tell({ kind, number, ...said });
  }

  addEventListener("message", (event) => {
    if (event.source !== window.parent || !event.data?.wechat) return;
    const { number: of, answer, happens } = event.data;
    if (happens) (listeners.get(happens) ?? []).forEach((hear) => hear(event.data.with ?? {}));
    const done = waiting.get(of);
    waiting.delete(of);
    done?.(answer);
  });

  window.WeixinJSBridge = {
    invoke(name, args = {}, done = () => {}) {
      ask("invoke", { name, args: JSON.parse(JSON.stringify(args)) }, (answer) => {
        if (name === "preVerifyJSAPI" && answer.err_msg === "preVerifyJSAPI:ok") openTags(args.verifyOpenTagList ?? []);
        done(answer);
      });
    },
    on(name, hear) { listeners.set(name, [...(listeners.get(name) ?? []), hear]); },
    call(name) { this.invoke(name); },
  };
  // The client is ready some time after the page has begun, not before its first script.
  setTimeout(() => document.dispatchEvent(new Event("WeixinJSBridgeReady")), 0);
  tell({ kind: "page" });

  /** Links that lead into the mini-program or to the cash desk are taken by the client. */
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link && /^(https:\/\/wxaurl\.cn\/|weixin:)/.test(link.href)) {
      event.preventDefault();
      tell({ kind: "link", url: link.href });
    }
  }, true);

  function openTags(named) {
    if (!named.includes("wx-open-subscribe")) return;
    if (!client.open_tags) {
      const detail = { errMsg: "页面的 CSP 需要 frame-src https://*.qq.com webcompt:" };
      document.dispatchEvent(new CustomEvent("WeixinOpenTagsError", { detail }));
      return;
    }
    if (!customElements.get("wx-open-subscribe")) customElements.define("wx-open-subscribe", Subscribe);
  }

  /** The contents stand in templates, drawn apart from the page's own styles. */
  class Subscribe extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const root = this.attachShadow({ mode: "open" });
      const parts = [...this.querySelectorAll("template, script[type='text/wxtag-template']")];
      const text = parts.map((part) => part.innerHTML).join("\n");
      const sheets = [];
      const drawn = document.createElement("template"); // inert: the page's policy has no say about what WeChat draws
      drawn.innerHTML = text.replace(/<style[^>]*>([\s\S]*?)<\/style>/gi, (_, rules) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(rules);
        sheets.push(sheet);
        return "";
      });
      root.adoptedStyleSheets = sheets;
      root.append(drawn.content);
      root.addEventListener("click", () => this.ask());
      this.dispatchEvent(new CustomEvent("ready"));
    }

    ask() {
      const templates = (this.getAttribute("template") ?? "").split(",").map((id) => id.trim()).filter(Boolean);
      ask("subscribe", { templates }, (answer) => {
        const details = answer.answers && Object.fromEntries(Object.entries(answer.answers).map(([id, status]) => [id, JSON.stringify({ status })]));
        const detail = details ? { errMsg: "subscribe:ok", subscribeDetails: JSON.stringify(details) } : { errMsg: (answer.problem ?? "subscribe:fail").replace("requestSubscribeMessage", "subscribe"), errCode: answer.code ?? 10003 };
        this.dispatchEvent(new CustomEvent(details ? "success" : "error", { detail }));
      });
    }
  }
})();
