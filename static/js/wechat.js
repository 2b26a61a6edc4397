// Inside WeChat: has the page signed for the JS-SDK, then hides what must not be forwarded and shows what only WeChat
// can do. Whatever fails, the page goes on as it is: everything here has a plain way beside it.
"use strict";

(() => {
  const wanted = document.currentScript.dataset;
  const agent = navigator.userAgent;
  // 企业微信 names MicroMessenger too, so it is asked first (wechat.md §8).
  if (/wxwork\//i.test(agent) || !/MicroMessenger\//.test(agent)) {
    return;
  }
  const isApple = /iPhone|iPad|iPod/.test(agent);
  const hasCamera = isApple || /Android/.test(agent);
  const FORWARDING = [
    "share:appMessage", "share:timeline", "share:qq", "share:weiboApp", "share:facebook", "share:QZone",
    "share:email", "share:brand", "favorite", "copyUrl", "originPage",
  ].map((name) => `menuItem:${name}`);
  const SCAN_LINK = /^\/s\/[A-Za-z0-9_-]{32}$/;
  const one = (selector) => document.querySelector(selector);
  const scan = hasCamera ? one("[data-scan]") : null;
  const close = one("[data-close]");
  const remind = one("[data-remind]");
  const tag = one("wx-open-subscribe");

  // WKWebView answers for the address a page came with, Android's web view for the one it shows now (wechat.md §3.2).
  const here = () => location.href.split("#")[0];
  const cameWith = here();
  const page = () => (isApple ? cameWith : here());

  let asked = null; // the last verification: whether it is the second, and whether WeChat refused it

  async function configure(again) {
    let config;
    try {
      const answer = await fetch(`/h5/js-config?url=${encodeURIComponent(page())}${again ? "&again=1" : ""}`);
      if (!answer.ok) {
        return;
      }
      config = await answer.json();
    } catch {
      return;
    }
    const current = { again, refused: false };
    if (asked === null) {
      window.wx.error(refuse);
    }
    asked = current;
    window.wx.config({
      ...config,
      debug: false,
      jsApiList: [
        wanted.hides === "all" ? "hideAllNonBaseMenuItem" : "hideMenuItems",
        ...(scan ? ["scanQRCode"] : []),
        ...(close ? ["closeWindow"] : []),
      ],
      openTagList: tag ? ["wx-open-subscribe"] : [],
    });
    // `ready` comes after every verification, a failed one too; `error` comes before it.
    window.wx.ready(() => {
      if (!current.refused) {
        hide();
        show(true);
      }
    });
  }

  function refuse(said) {
    asked.refused = true;
    show(false);
    // A ticket that died early: the service fetches another, and the page asks once more, but never a third time.
    if (!asked.again && /invalid signature/.test(said.errMsg)) {
      configure(true);
    }
  }

  /** After a second verification `ready` is told at once, and WeChat refuses calls until it has really ended. */
  function hide(tries = 5) {
    const fail = () => tries > 0 && setTimeout(() => hide(tries - 1), 400);
    if (wanted.hides === "all") {
      window.wx.hideAllNonBaseMenuItem({ fail });
    } else {
      window.wx.hideMenuItems({ menuList: FORWARDING, fail });
    }
  }

  function show(isReady) {
    for (const part of [scan, close, remind]) {
      if (part) {
        part.hidden = !isReady;
      }
    }
    if (isReady && remind) {
      // A client that cannot draw the tag does not always say so: an offer without its button is no offer.
      setTimeout(() => {
        remind.hidden = tag.offsetHeight === 0;
      }, 3000);
    }
  }

  function say(text) {
    const place = one("[data-scan-said]");
    place.textContent = text;
    place.hidden = text === "";
  }

  /** Our own signing link is opened; anything else is refused with a sentence and never opened. */
  function scanned(text) {
    let found = null;
    try {
      found = new URL(text);
    } catch {
      // no address at all
    }
    if (found && found.origin === location.origin && SCAN_LINK.test(found.pathname) && found.search === "") {
      location.href = found.href;
      return;
    }
    say("这不是签发二维码。请扫描电脑上批次页面显示的二维码；没有看到的，请让评价组织或本校管理员打开批次页面。");
  }

  scan?.querySelector("button").addEventListener("click", () => {
    say("");
    window.wx.scanQRCode({
      needResult: 1,
      scanType: ["qrCode"],
      success: (said) => scanned(said.resultStr),
      fail: () => say("没有打开扫一扫。请返回微信，用“发现”里的“扫一扫”扫描电脑上的二维码。"),
    });
  });
  close?.querySelector("button").addEventListener("click", () => window.wx.closeWindow());

  tag?.addEventListener("success", (event) => {
    const accepted = /accept/.test(String(event.detail?.subscribeDetails ?? ""));
    one("[data-remind-said]").textContent = accepted ? "好的，到时在“服务通知”里提醒您一次。" : "没有允许。需要时可以再点一次。";
  });
  tag?.addEventListener("error", () => {
    one("[data-remind-said]").textContent = "微信没有打开授权窗口，请稍后再试。您也可以随时回到这里查询。";
  });
  document.addEventListener("WeixinOpenTagsError", () => {
    if (remind) {
      remind.remove();
    }
  });

  const script = document.createElement("script");
  script.src = wanted.sdk;
  script.addEventListener("load", () => configure(false));
  document.head.append(script);
  // iOS keeps whole pages and shows them again; what was signed then may be over now (wechat.md §8).
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && window.wx) {
      configure(false);
    }
  });
})();
