// 我的: who is bound, notices, an officer's pairing, and the ways out.
import { h, toast } from "../dom.js";
import { sheet } from "../sheet.js";
import { button, buttons, cell, cells, field, guarded, message } from "./weui.js";

export async function show(app) {
  const { bound, candidate, phone_masked: number } = await app.api("GET", "/binding");
  const { person, mp } = app.phone.state;
  const sure = async (question, yes) => await sheet(question, [], [yes, "取消"]) === yes;
  const give = guarded(async () => {
    const code = await app.runtime.phoneCode();
    if (!code) return;
    const { phone } = await app.api("POST", "/binding/phone", { phone_code: code });
    toast(`已提供 ${phone.masked}`);
    app.redraw();
  });
  const unbind = guarded(async () => {
    if (!await sure("解除绑定以后，在这个微信里查不到成绩和证书，也不再收到通知。", "解除绑定")) return;
    await app.api("DELETE", "/binding");
    app.runtime.keep(null);
    toast("已解除绑定");
    app.redraw();
  });
  const leave = guarded(async () => {
    if (!await sure("退出以后，您在小程序里的登录全部失效；下次打开会重新登录。", "退出登录")) return;
    await app.api("DELETE", "/session");
    app.runtime.keep(null);
    app.tab("pages/index/index");
  });
  return [
    h("section", { class: "who-card" }, h("span", { class: "face" }, person.name[0]), h("div", {}, h("h2", {}, bound ? candidate.name_masked : "还没有绑定"), h("p", {}, bound ? candidate.id_masked : `${person.name}的微信`))),
    bound ? cells("考生", cell("手机号", { value: number ?? "没有提供", onclick: give }), cell("解除绑定", { onclick: unbind })) : cells("考生", cell("绑定考生信息", { onclick: () => app.to("pages/bind/index") })),
    cells("通知与缴费", cell("通知与订阅", { onclick: () => app.to("pages/notices/index") }), cell("缴费", { onclick: () => app.to("pages/orders/index") })),
    cells("签发负责人", app.runtime.isOfficer() ? cell("扫码签发", { note: "扫一扫电脑上的签发二维码", onclick: () => app.runtime.scan() }) : cell("我是院校签发负责人", { note: "用公众号里的配对码，把小程序也绑定上", onclick: () => app.to("pages/officer/index") })),
    cells("小程序", cell("客服", { onclick: async () => { if (await app.phone.act("enter_program_chat")) app.phone.go("service"); } }), cell("openid", { note: mp.openid }), cell("退出登录", { onclick: leave })),
  ];
}

/** The code is shown on the officer's page of the official account. */
export async function officer(app) {
  await app.api("GET", "/binding"); // a session, before anything is typed
  if (app.runtime.isOfficer()) return message("success", "已经是签发负责人", "扫一扫电脑上的签发二维码。", button("扫码签发", () => app.runtime.scan()));
  const submit = guarded(async (event) => {
    const { name, school } = await app.api("POST", "/officer-binding", Object.fromEntries(new FormData(event.target)));
    app.runtime.keep(null);
    await sheet(`${name}（${school}）可以在小程序里签发了。`, [], ["知道了"]);
    app.tab("pages/me/index");
  });
  return h("form", { onsubmit: submit }, cells("签发负责人配对", field("code", "配对码", { maxlength: "20", required: true, inputmode: "numeric" }), field("pin", "签发密码", { type: "password", maxlength: "6", required: true, inputmode: "numeric" })),
    buttons(button("绑定")), h("p", { class: "weui-footer" }, "配对码在公众号的“签发负责人”页里取得。"));
}
