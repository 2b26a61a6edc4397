// Small pieces that every screen is made of.

/** An element with attributes, listeners (onclick: …) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "tone") element.style.setProperty("--tone", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** A drawing from fixed path data. */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  chats: "M12 4c-5 0-9 3.200-9 7.200 0 2.300 1.300 4.300 3.400 5.600L5.700 20l3.400-1.800c.9.2 1.900.3 2.900.3 5 0 9-3.200 9-7.200S17 4 12 4z",
  discover: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm4 5-2.500 5.500L8 16l2.500-5.500z",
  me: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-8 8c.5-4 4-6 8-6s7.500 2 8 6z",
  scan: "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M4 12h16",
  program: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.500 14a1.800 1.800 0 1 0 1.800 1.800V8.300A1.800 1.800 0 1 1 12 10",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.500 1.500h-15zM10 20.500h4",
  keyboard: "M3 7h18v10H3zM6 10h.01M9 10h.01M12 10h.01M15 10h.01M18 10h.01M8 14h8",
  lines: "M4 7h16M4 12h16M4 17h16",
};

export function face(person) {
  return h("span", { class: "face", tone: person.colour, "aria-hidden": "true" }, person.name[0]);
}

export function tile(path, tone) {
  return h("span", { class: "tile", tone }, icon(path));
}

/** A list row that is a button. */
export function row(picture, title, { note, more, time, badge, onclick }) {
  return h("li", {}, h("button", { class: "row", type: "button", onclick },
    picture,
    h("span", { class: "main" }, h("b", {}, title), note && h("small", {}, note)),
    badge ? h("span", { class: "badge" }, String(badge)) : null,
    time && h("time", {}, time), more && h("span", { class: "more" }, more)));
}

export function bar(title, back, right) {
  return h("header", { class: "bar" },
    back ? h("button", { type: "button", "aria-label": "返回", onclick: back }, "‹") : h("span"),
    h("h1", {}, title), right ?? h("span"));
}

let fading;
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.classList.add("on");
  clearTimeout(fading);
  fading = setTimeout(() => box.classList.remove("on"), 2600);
}

const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
export const moment = (seconds) => clock.format(new Date(seconds * 1000));
