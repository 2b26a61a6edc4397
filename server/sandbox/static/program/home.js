// 首页, and the page that binds a candidate.
import { h, icon, ICONS } from "../dom.js";
import { button, buttons, cells, field, guarded, message, told } from "./weui.js";

const ENTRIES = [
  ["pages/results/index", "查成绩", "M5 20V10M10 20V4M15 20v-8M20 20v-5", "tab"], ["pages/certificates/index", "我的证书", "M5 3h14v12H5zM8 7h8M8 10.500h5M10 15v6l2-1.500 2 1.500v-6", "tab"],
  ["pages/notices/index", "通知与订阅", ICONS.bell], ["pages/orders/index", "缴费", "M4 6h16v12H4zM4 10h16M7 15h4"],
];

export async function show(app) {
  if (app.query.q) return byLink(app, decodeURIComponent(app.query.q));
  const { bound, candidate, phone_masked: phone } = await app.api("GET", "/binding");
  const card = bound
    ? h("section", { class: "who-card" }, h("span", { class: "face" }, candidate.name_masked[0]), h("div", {}, h("h2", {}, candidate.name_masked), h("p", {}, candidate.id_masked), phone && h("p", {}, `手机 ${phone}`)))
    : h("section", { class: "who-card plain" }, h("div", {}, h("h2", {}, "还没有绑定考生信息"), h("p", {}, "绑定以后才能查成绩、看证书、缴费。")), button("去绑定", () => app.to("pages/bind/index")));
  const tile = (page, name, drawing, kind) => h("button", { type: "button", class: "weui-grid", onclick: () => (kind === "tab" ? app.tab(page) : app.to(page)) }, icon(drawing), name);
  const officer = app.runtime.isOfficer() && h("button", { type: "button", class: "weui-grid", onclick: () => app.runtime.scan() }, icon(ICONS.scan), "扫码签发");
  return [card, h("div", { class: "weui-grids" }, ENTRIES.map((one) => tile(...one)), officer), h("p", { class: "weui-footer" }, app.phone.state.oa?.name ?? app.phone.state.mp.name)];
}

/** An ordinary link's QR opened the mini-program: it is a scan, or a certificate to verify. */
async function byLink(app, q) {
  const link = await app.api("POST", "/links", { q });
  if (link.kind === "scan") { app.tab(`pages/scan/index?scene=${encodeURIComponent(link.token)}`); return []; }
  const url = `${app.phone.state.service_url}/v/${link.code}`;
  return message("info", "这是一份证书的核验码", "核验页用网页打开。", button("打开核验页", () => app.web(url)));
}

export async function bind(app) {
  const { bound } = await app.api("GET", "/binding");
  if (bound) return message("success", "已经绑定", "换一位考生，请先在“我的”里解除绑定。", button("去看成绩", () => app.tab("pages/results/index")));
  let phoneCode = "";
  const picture = h("div", { class: "picture", hidden: true });
  const draw = async () => {
    const { image } = await app.api("GET", "/binding/captcha");
    picture.hidden = false;
    picture.replaceChildren(...cells("", field("captcha", "图中字符", { maxlength: "20", required: true }), h("div", { class: "weui-cell" }, h("img", { src: image, alt: "验证图片" }), button("换一张", guarded(draw), { plain: true }))).flat());
  };
  const number = h("span", { class: "weui-cell__ft" }, "不提供也可以");
  const give = guarded(async () => { phoneCode = await app.runtime.phoneCode() ?? ""; if (phoneCode) number.textContent = `已允许 ${app.phone.state.person.mobile}`; });
  const submit = guarded(async (event) => {
    const said = Object.fromEntries(new FormData(event.target));
    try {
      const done = await app.api("POST", "/binding", { ...said, ...(phoneCode && { phone_code: phoneCode }) });
      app.runtime.keep(null); // the session says whether somebody is bound
      if (done.phone?.problem) await told(new Error(done.phone.problem.detail));
      app.tab("pages/results/index");
    } catch (problem) {
      phoneCode = "";
      number.textContent = "不提供也可以";
      if (problem.code?.startsWith("captcha")) await draw();
      throw problem;
    }
  });
  return h("form", { onsubmit: submit },
    cells("考生信息", field("name", "姓名", { maxlength: "60", required: true }), field("id_number", "证件号码", { maxlength: "30", required: true, autocapitalize: "characters" }), field("phone_last4", "手机号后四位", { maxlength: "4", inputmode: "numeric" })),
    picture,
    cells("手机号", h("button", { type: "button", class: "weui-cell weui-cell_access", onclick: give }, h("span", { class: "weui-cell__bd" }, "用微信绑定的手机号"), number)),
    buttons(button("同意并绑定")), h("p", { class: "weui-footer" }, "所填信息只用来核对考生身份。"));
}
