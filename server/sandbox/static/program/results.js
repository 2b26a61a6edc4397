// 成绩: the verdict first, then the subjects, then what to do next; and why something is not there yet.
import { h } from "../dom.js";
import { button, buttons, day, message, moment } from "./weui.js";

const TONES = { passed: "good", failed: "bad", misconduct: "bad" };

export async function show(app) {
  const { bound, items, notices } = await app.api("GET", "/results");
  const told = notices.map((one) => notice(one));
  if (!bound) return [unbound(app, notices)];
  if (!items.length && !told.length) return message("info", "还没有成绩", "公布以后在这里看到。");
  return [items.map(result), told, buttons(button("有消息时提醒我", () => app.to("pages/notices/index"), { plain: true }))];
}

export const unbound = (app, notices) => message("info", notices[0]?.title ?? "还没有绑定考生信息", notices[0]?.detail ?? "绑定以后在这里看到。", button("去绑定", () => app.to("pages/bind/index")));

export function notice(one) {
  const about = [one.plan, one.level_name, one.school].filter(Boolean).join(" · ");
  return h("section", { class: "weui-panel" }, h("h2", {}, one.title), about && h("p", { class: "about" }, about), h("p", {}, one.detail), one.until && h("p", { class: "about" }, `预计 ${moment(one.until)}`));
}

function result(one) {
  const subjects = one.subjects.map((subject) => h("div", {}, h("dt", {}, subject.name), h("dd", {}, subject.score === null ? subject.status_name : `${subject.score} 分`)));
  return h("section", { class: "weui-panel result" },
    h("p", { class: "about" }, `${one.certificate} · ${one.level_name}`),
    h("h2", { class: `verdict ${TONES[one.outcome] ?? ""}` }, one.outcome_name),
    h("dl", { class: "scores" }, subjects),
    h("p", {}, one.advice),
    h("dl", { class: "lines" }, line("考试计划", one.plan), line("考试日期", day(one.exam_date)), line("院校", one.school), line("准考证号", one.admission_number), line("公布时间", moment(one.released_at)), one.corrected_at && line("更正时间", moment(one.corrected_at))));
}

export const line = (name, value) => (value ? h("div", {}, h("dt", {}, name), h("dd", {}, value)) : null);
