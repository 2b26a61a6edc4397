// wx.… for web pages: names and answers as the JS-SDK document has them (1.6.0), each call one of WeixinJSBridge's.
// Written for the sandbox; a page that works with it finds the same functions in WeChat's own file.
"use strict";

(() => {
  if (window.jWeixin) return;
  const inWeChat = /MicroMessenger/i.test(navigator.userAgent);
  const isApple = /iPhone|iPad/i.test(navigator.userAgent);
  const BRIDGED = { config: "preVerifyJSAPI", chooseWXPay: "getBrandWCPayRequest", previewImage: "imagePreview" };
  const PUBLIC = Object.fromEntries(Object.entries(BRIDGED).map(([name, inner]) => [inner, name]));
  let given = {};
  let isDecided = false; // a verification has ended, well or badly
  let failure = null;
  let onError = null;
  let onReady = [];

  function whenBridged(work) {
    if (!inWeChat) return;
    if (window.WeixinJSBridge) work();
    else document.addEventListener("WeixinJSBridgeReady", work, { once: true });
  }

  const proofs = () => ({
    appId: given.appId, verifyAppId: given.appId, verifySignType: "sha1", verifyTimestamp: `${given.timestamp}`,
    verifyNonceStr: given.nonceStr, verifySignature: given.signature ?? "",
  });

  /** “geoLocation:failed_cancel” → “getLocation:cancel”: the words that pages compare with. */
  function worded(name, said) {
    const outcome = said.slice(said.indexOf(":") + 1).replace(/^confirm$/, "ok").replace(/^failed$/, "fail").replace(/^fail(ed)?_/, "").replaceAll("_", " ");
    return `${PUBLIC[name] ?? name}:${outcome || "fail"}`;
  }

  function invoke(name, args, asked = {}) {
    if (!window.WeixinJSBridge) return;
    window.WeixinJSBridge.invoke(name, { ...args, ...proofs() }, (answer) => {
      const { err_msg: said, ...more } = answer;
      const told = { ...more, errMsg: worded(name, said ?? "") };
      asked.translate?.(told);
      if (given.debug) console.info(told);
      const outcome = told.errMsg.slice(told.errMsg.indexOf(":") + 1);
      if (outcome === "ok") asked.success?.(told);
      else if (outcome === "cancel") asked.cancel?.(told);
      else asked.fail?.(told);
      asked.complete?.(told);
    });
  }

  const inner = (names = []) => names.map((name) => BRIDGED[name] ?? name);
  const plain = (name, pick = () => ({})) => (asked = {}) => invoke(BRIDGED[name] ?? name, pick(asked), asked);

  const wx = {
    config(settings) {
      given = settings;
      whenBridged(() => invoke("preVerifyJSAPI", { verifyJsApiList: inner(settings.jsApiList), verifyOpenTagList: settings.openTagList ?? [] }, {
        fail(told) { if (onError) onError(told); else failure = told; },
        complete() { isDecided = true; const due = onReady; onReady = []; due.forEach((hear) => hear()); },
      }));
    },
    /** After every verification, a failed one too: “config信息验证后会执行ready方法”. Later calls are answered at once. */
    ready(hear) { if (isDecided) hear(); else onReady.push(hear); },
    error(hear) { if (failure) hear(failure); onError = hear; },
    checkJsApi: (asked) => invoke("checkJsApi", { jsApiList: inner(asked.jsApiList) }, {
      ...asked,
      translate(told) { told.checkResult = Object.fromEntries(Object.entries(told.checkResult ?? {}).map(([name, can]) => [PUBLIC[name] ?? name, can])); },
    }),
    scanQRCode: (asked = {}) => invoke("scanQRCode", { needResult: asked.needResult ?? 0, scanType: asked.scanType ?? ["qrCode", "barCode"] }, {
      ...asked,
      translate(told) { if (isApple && told.resultStr) told.resultStr = JSON.parse(told.resultStr).scan_code.scan_result; },
    }),
    updateAppMessageShareData: plain("updateAppMessageShareData", ({ title, desc, link, imgUrl }) => ({ title, desc, link, imgUrl })),
    updateTimelineShareData: plain("updateTimelineShareData", ({ title, link, imgUrl }) => ({ title, link, imgUrl })),
    hideMenuItems: plain("hideMenuItems", ({ menuList }) => ({ menuList })),
    showMenuItems: plain("showMenuItems", ({ menuList }) => ({ menuList })),
    hideAllNonBaseMenuItem: plain("hideAllNonBaseMenuItem"),
    showAllNonBaseMenuItem: plain("showAllNonBaseMenuItem"),
    hideOptionMenu: plain("hideOptionMenu"),
    showOptionMenu: plain("showOptionMenu"),
    closeWindow: plain("closeWindow"),
    previewImage: plain("previewImage", ({ current, urls }) => ({ current, urls })),
    getNetworkType: plain("getNetworkType"),
    // `timestamp` in small letters here, `timeStamp` at the cash desk (wechat.md §7.5)
    chooseWXPay: plain("chooseWXPay", (asked) => ({ timeStamp: `${asked.timestamp}`, nonceStr: asked.nonceStr, package: asked.package, paySign: asked.paySign, signType: asked.signType ?? "SHA1" })),
    miniProgram: {
      getEnv: (hear) => whenBridged(() => hear({ miniprogram: window.__wxjs_environment === "miniprogram" })),
      ...Object.fromEntries(["navigateBack", "navigateTo", "redirectTo", "switchTab", "reLaunch", "postMessage"].map((name) => [
        name, (arg = {}) => whenBridged(() => invoke("invokeMiniProgramAPI", { name, arg }, arg)),
      ])),
    },
  };
  window.wx = window.jWeixin = wx;
})();
