// 签发确认: what a scan's scene stands for, the whole list, and the officer's yes or no.
import { h } from "../dom.js";
import { button, buttons, cell, cells, day, field, guarded, message, moment } from "./weui.js";

export async function show(app) {
  const token = decodeURIComponent(app.query.scene ?? app.query.token ?? "");
  if (!token) return message("info", "扫一扫签发二维码", "在电脑上打开批次，出示签发二维码。", button("扫码", () => app.runtime.scan()));
  let it;
  try {
    it = await app.api("GET", `/scans/${encodeURIComponent(token)}`);
  } catch (problem) {
    if (problem.status !== 403) throw problem;
    return message("warn", problem.title, problem.message, button("输入配对码", () => app.to("pages/officer/index")), button("再试一次", app.redraw, { plain: true }));
  }
  if (it.receipt) return message("success", "您已办完这个批次", `${it.school}，${it.count} 份证书，名单校验码 ${it.digest}，现在是“${it.state_label}”。`, button("回首页", () => app.tab("pages/index/index")));
  return [
    h("section", { class: "weui-panel result" }, h("p", { class: "about" }, it.school), h("h2", { class: "verdict" }, `${it.count} 份证书`), h("p", { class: "name" }, `${it.certificate}（${it.level_label}）`),
      h("p", { class: "digest" }, "名单校验码 ", h("b", {}, it.digest)), h("p", { class: "about" }, "应与电脑上显示的相同"),
      h("dl", { class: "lines" }, [["考试计划", it.plan], ["考试日期", day(it.exam_date)], ["考核站点", it.site], ["出示的人", it.shown_by], ["请在此前签发", moment(it.expires_at)], ["替代的证书", it.corrects]].filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))),
    cells(`名单（${it.people.length} 人）`, ...it.people.map((one) => cell(one.name_masked, { note: `${one.number} · ${one.id_masked}` }))),
    deciding(app, token, it),
  ];
}

function deciding(app, token, it) {
  const act = (what, body) => app.api("POST", `/scans/${encodeURIComponent(token)}/${what}`, body);
  const submit = guarded(async (event) => {
    const { pin, reason } = Object.fromEntries(new FormData(event.target));
    const isReturn = event.submitter?.value === "return";
    await act(isReturn ? "return" : "confirm", isReturn ? { pin, reason } : { pin });
    app.redraw();
  });
  const back = button("退回", undefined, { plain: true, warn: true });
  back.value = "return";
  return h("form", { onsubmit: submit }, cells("", field("pin", "签发密码", { type: "password", maxlength: "6", required: true, inputmode: "numeric" }), field("reason", "退回原因", { maxlength: "200", placeholder: "退回时填写" })),
    buttons(button(`确认签发 ${it.count} 份证书`), back));
}
