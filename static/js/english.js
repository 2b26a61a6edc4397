// On pages in English: what other scripts say in Chinese is said in English, as soon as it stands in the page.
// A sentence has numbered holes for what a script fills in. What is marked as Chinese, and what people typed, stays.
"use strict";

const english = (() => {
  const HAN = /[\u3400-\u9fff]/;
  const SPOKEN = ["aria-label", "title", "alt", "placeholder", "data-label"];
  const whole = new Map();
  const patterns = [];

  /** Take sentences: Chinese, English, Chinese, English … `{1:day|days}` chooses by the number that fills the hole. */
  function learn(...said) {
    for (let at = 0; at < said.length; at += 2) {
      const [chinese, words] = [said[at], said[at + 1]];
      if (!/\{\d+\}/.test(chinese)) {
        whole.set(chinese, words);
        continue;
      }
      const order = [...chinese.matchAll(/\{(\d+)\}/g)].map((one) => one[1]);
      const literal = chinese.split(/\{\d+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      patterns.push({ pattern: new RegExp(`^${literal.join("(.*?)")}$`, "s"), order, words });
    }
    patterns.sort((one, other) => other.pattern.source.length - one.pattern.source.length);
  }

  function say(text) {
    if (!HAN.test(text) || text.length > 2000) {
      return text;
    }
    const core = text.trim();
    const found = find(core);
    return found === null ? text : text.replace(core, () => found);
  }

  function find(core) {
    if (whole.has(core)) {
      return whole.get(core);
    }
    for (const { pattern, order, words } of patterns) {
      const held = core.match(pattern);
      if (held) {
        return words.replace(/\{(\d+)(?::([^|{}]*)\|([^{}]*))?\}/g, (mark, place, one, many) => {
          const value = say(held[order.indexOf(place) + 1]);
          return one === undefined ? value : `${value} ${value === "1" ? one : many}`;
        });
      }
    }
    const parts = core.match(/[^。；]+[。；]?/g);
    const said = parts && parts.length > 1 ? parts.map((part) => (HAN.test(part) ? find(part.trim()) : part)) : [null];
    return said.includes(null) ? null : said.join(" ");
  }

  function isOurs(element) {
    return element && !element.closest('[lang="zh-CN"], textarea, script, style');
  }

  function read(node) {
    if (node.nodeType === Node.TEXT_NODE) {
      if (HAN.test(node.data) && isOurs(node.parentElement)) {
        const said = say(node.data);
        if (said !== node.data) {
          node.data = said;
        }
      }
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || !isOurs(node)) {
      return;
    }
    for (const name of SPOKEN) {
      const text = node.getAttribute(name);
      if (text && HAN.test(text) && say(text) !== text) {
        node.setAttribute(name, say(text));
      }
    }
    node.childNodes.forEach(read);
  }

  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") {
        change.addedNodes.forEach(read);
      } else {
        read(change.target);
      }
    }
  }).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributeFilter: SPOKEN });
  return { learn, say };
})();

english.learn(
  "这不是签发二维码。请扫描电脑上批次页面显示的二维码；没有看到的，请让评价组织或本校管理员打开批次页面。",
  "This is no signing QR code. Please scan the one on the batch’s page on the computer; if there is none, ask the assessment organisation or your institution’s administrator to open the batch’s page.",
  "没有打开扫一扫。请返回微信，用“发现”里的“扫一扫”扫描电脑上的二维码。",
  "The scanner did not open. Go back to WeChat and use “Scan” under “Discover” to scan the QR code on the computer.",
  "好的，到时在“服务通知”里提醒您一次。",
  "You will be reminded once, under “Service Notifications”.",
  "没有允许。需要时可以再点一次。",
  "Not allowed. You can tap again when you want it.",
  "微信没有打开授权窗口，请稍后再试。您也可以随时回到这里查询。",
  "WeChat did not open its question. Please try again later; you can also come back here at any time.",
  "正在向微信支付确认，请稍候……",
  "Asking WeChat Pay for confirmation. Please wait…",
  "还没有收到微信支付的确认。已经付了的，请过几分钟再刷新，不用再付。",
  "WeChat Pay has not confirmed it yet. If you have paid, refresh in a few minutes; do not pay again.",
  "您没有付款。需要时请再点“微信支付”。",
  "You have not paid. To pay, tap “Pay by WeChat” again.",
  "现在不能付款，请稍后再试。",
  "Payment is not possible now. Please try again later.",
  "请在微信里打开本页付款。",
  "Please open this page in WeChat to pay.",
  "网络不通，没有付款。请稍后再试。",
  "No network: nothing was paid. Please try again later.",
  "（剩余 {1}:{2}）",
  " ({1}:{2} left)",
);
