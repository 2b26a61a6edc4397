/* Days and times as they are typed (console/moments.html): read in whatever way they are written, shown in one form, and a
   calendar beside each day. Days are in Beijing. */
"use strict";

const MOMENTS = {
  day: ["请把日期写成 2026-12-01 这样。", /^(\d{4}-\d{2}-\d{2})$/],
  minute: ["请把日期和时间写成 2026-12-01 09:00 这样。", /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})$/],
  time: ["请把时间写成 09:00 这样。", /^()(\d{2}:\d{2})$/],
};

/** 2026/12/1 9:00, 2026年12月1日 9:00, 202612010900 → 2026-12-01 09:00; as it is where it says neither. */
function asMoment(kind, text) {
  const plain = text.normalize("NFKC").trim().replace(/T/, " ");
  const two = (part) => part.padStart(2, "0");
  const day = (kind !== "time" ? /(\d{4})(?:[-/.年] ?)?(\d{1,2})(?:[-/.月] ?)?(\d{1,2})日?/ : /()()()/).source;
  const time = (kind !== "day" ? /(\d{1,2})[:时点]?(\d{2})分?/ : /()()/).source;
  const found = new RegExp(`^${day} ?${time}$`).exec(plain);
  if (!found) return plain;
  const [, year, month, date, hour, minute] = found;
  return [year && `${year}-${two(month)}-${two(date)}`, hour && `${two(hour)}:${minute}`].filter(Boolean).join(" ");
}

/** What is wrong with a day or a time; empty: nothing. */
function wrongMoment(field) {
  const [advice, form] = MOMENTS[field.dataset.moment];
  const found = form.exec(field.value);
  if (!found) return advice;
  const [, day, time = ""] = found;
  const there = new Date(`${day || "2026-01-01"}T00:00Z`);
  if (Number.isNaN(there.valueOf()) || (day && there.toISOString().slice(0, 10) !== day)) return "没有这一天，请核对日期。";
  if (time && (time > "23:59" || time.slice(3) > "59")) return MOMENTS.time[0];
  if (field.dataset.least && field.value < field.dataset.least) return `不能早于 ${field.dataset.least}。`;
  if (field.dataset.most && day > field.dataset.most) return `不能晚于 ${field.dataset.most}。`;
  return "";
}

(() => {
  const speaks = document.documentElement.lang;
  const monthName = new Intl.DateTimeFormat(speaks, { year: "numeric", month: "long", timeZone: "UTC" });
  const weekdayName = new Intl.DateTimeFormat(speaks, { weekday: "narrow", timeZone: "UTC" });
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit" }).format(new Date());
  const MONDAY = Date.UTC(2024, 0, 1);
  const DAY = 86400000;
  const iso = (moment) => new Date(moment).toISOString().slice(0, 10);
  const utc = (text) => Date.parse(`${text}T00:00Z`);

  let field = null; // whose calendar is open
  let shown = 0; // the day that has the focus
  const dialog = element("dialog", "dialog calendar");
  dialog.setAttribute("aria-labelledby", "calendar-month");

  function step(way, name, months) {
    const button = element("button", `button plain calendar-${way}`);
    button.type = "button";
    button.setAttribute("aria-label", name);
    button.addEventListener("click", () => move(byMonths(months), button));
    return button;
  }

  /** The same day of another month; its last where it has fewer. */
  function byMonths(months) {
    const now = new Date(shown);
    const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months + 1, 0)).getUTCDate();
    return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, Math.min(now.getUTCDate(), last));
  }

  function move(to, focus = null) {
    shown = to;
    draw();
    (focus ?? dialog.querySelector('[tabindex="0"]')).focus();
  }

  function isAllowed(day) {
    return !(field.dataset.least && day < field.dataset.least.slice(0, 10)) && !(field.dataset.most && day > field.dataset.most);
  }

  function choose(day) {
    if (!isAllowed(day)) return;
    field.value = field.dataset.moment === "minute" ? `${day} ${field.value.slice(11) || "09:00"}` : day;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
    dialog.close();
  }

  const title = element("h2");
  title.id = "calendar-month";
  title.setAttribute("aria-live", "polite");
  const head = element("div", "calendar-head");
  head.append(step("back", "上个月", -1), title, step("on", "下个月", 1));
  const table = element("table");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-labelledby", "calendar-month");
  dialog.append(head, table);

  function draw() {
    title.textContent = monthName.format(shown);
    const now = new Date(shown);
    const first = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
    const names = element("tr");
    for (let at = 0; at < 7; at += 1) {
      const name = element("th", "", weekdayName.format(MONDAY + at * DAY));
      name.scope = "col";
      names.append(name);
    }
    const rows = [names];
    for (let at = first - ((new Date(first).getUTCDay() + 6) % 7) * DAY; at < byMonthsOf(first); ) {
      const row = element("tr");
      for (let place = 0; place < 7; place += 1, at += DAY) row.append(cell(at, now.getUTCMonth()));
      rows.push(row);
    }
    table.replaceChildren(...rows);
  }

  function byMonthsOf(first) {
    const start = new Date(first);
    return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
  }

  function cell(at, month) {
    const place = element("td");
    if (new Date(at).getUTCMonth() !== month) return place;
    const day = iso(at);
    const button = element("button", "", String(new Date(at).getUTCDate()));
    button.type = "button";
    button.tabIndex = at === shown ? 0 : -1;
    button.setAttribute("aria-label", `${day.slice(8).replace(/^0/, "")}, ${day}`);
    if (!isAllowed(day)) button.setAttribute("aria-disabled", "true");
    if (day === today) button.setAttribute("aria-current", "date");
    if (day === field.value.slice(0, 10)) place.setAttribute("aria-selected", "true");
    button.addEventListener("click", () => choose(day));
    place.append(button);
    return place;
  }

  const KEYS = {
    ArrowLeft: () => shown - DAY, ArrowRight: () => shown + DAY, ArrowUp: () => shown - 7 * DAY, ArrowDown: () => shown + 7 * DAY,
    Home: () => shown - ((new Date(shown).getUTCDay() + 6) % 7) * DAY, End: () => shown + ((7 - new Date(shown).getUTCDay()) % 7) * DAY,
    PageUp: () => byMonths(-1), PageDown: () => byMonths(1),
  };
  table.addEventListener("keydown", (event) => {
    const to = KEYS[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => field?.focus());

  function openFor(one) {
    field = one;
    if (!dialog.isConnected) document.body.append(dialog);
    const day = utc(asMoment(field.dataset.moment, field.value).slice(0, 10));
    shown = Number.isNaN(day) ? utc(today) : day;
    draw();
    dialog.showModal();
    dialog.querySelector('[tabindex="0"]').focus();
  }

  function tidy(one) {
    one.value = one.value && asMoment(one.dataset.moment, one.value);
    one.setCustomValidity(one.value ? wrongMoment(one) : "");
  }

  document.addEventListener("change", (event) => { if (event.target.dataset?.moment) tidy(event.target); }, true);
  document.addEventListener("input", (event) => { if (event.target.dataset?.moment) event.target.setCustomValidity(""); });
  for (const one of document.querySelectorAll("[data-moment]")) {
    one.removeAttribute("pattern"); // said better by us
    if (one.dataset.moment === "time") continue;
    const button = element("button", "moment-open");
    button.type = "button";
    button.setAttribute("aria-label", `${one.labels[0]?.textContent.trim() ?? ""}：选择日期`);
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => openFor(one));
    one.after(button);
  }
})();
