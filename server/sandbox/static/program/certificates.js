// 证书: the list, and one of them by `?number=`.
import { h, toast } from "../dom.js";
import { button, buttons, cell, cells, day, guarded, message, moment } from "./weui.js";
import { line, notice, unbound } from "./results.js";

const TONES = { valid: "good", revoked: "bad", superseded: "bad" };

export async function show(app) {
  return app.query.number ? one(app, decodeURIComponent(app.query.number)) : listing(app);
}

async function listing(app) {
  const { bound, items, withheld, notices } = await app.api("GET", "/certificates");
  if (!bound) return [unbound(app, notices)];
  const rows = items.map((item) => cell(`${item.certificate} · ${item.level_name}`, {
    note: `${item.number} · ${day(item.issued_on)}`, value: item.state_name, tone: TONES[item.state], onclick: () => app.to(`pages/certificates/index?number=${item.number}`),
  }));
  const later = withheld.map(notice);
  if (!rows.length && !later.length && !notices.length) return message("info", "还没有证书", "发放以后在这里看到。");
  return [rows.length > 0 && cells("我的证书", ...rows), later, notices.map(notice)];
}

async function one(app, number) {
  const item = await app.api("GET", `/certificates/${encodeURIComponent(number)}`);
  const open = guarded(() => app.runtime.openDocument(`/certificates/${item.number}.pdf`, `${item.number}.pdf`));
  const copy = async () => { try { await navigator.clipboard.writeText(item.verification_url); toast("已复制核验链接"); } catch { toast(item.verification_url); } };
  return [
    h("section", { class: "weui-panel result" },
      h("p", { class: "about" }, item.state_name === "有效" ? "电子证书" : item.advice),
      h("h2", { class: `verdict ${TONES[item.state] ?? ""}` }, item.state_name),
      h("p", { class: "name" }, `${item.certificate}（${item.level_name}）`), h("p", {}, item.certifies),
      h("dl", { class: "lines" }, line("证书编号", item.number), line("门户证书编号", item.portal_number), line("发证日期", day(item.issued_on)), line("考试计划", item.plan), line("考试日期", day(item.exam_date)), line("院校", item.school), line("颁证机构", item.issuer), line("有效期至", day(item.expires_on)),
        line("撤销时间", moment(item.revoked_at)), line("撤销原因", item.revoke_reason), line("换发为", item.superseded_by))),
    buttons(item.state === "valid" && button("打开证书 PDF", open), button("打开核验页", () => app.web(item.verification_url), { plain: true }), button("复制核验链接", copy, { plain: true })),
    item.superseded_by && cells("", cell("看新的证书", { onclick: () => app.to(`pages/certificates/index?number=${item.superseded_by}`) })),
  ];
}
