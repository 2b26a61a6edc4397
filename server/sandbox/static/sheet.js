// What rises from the phone's lower edge: a question with answers, or a menu.
import { h } from "./dom.js";

/** Resolves with the answer that was tapped; with the last one (取消) when the sheet is put away. */
export function sheet(title, contents, answers, kind = "ask") {
  return new Promise((done) => {
    const before = document.activeElement;
    const close = (answer) => { over.remove(); before?.focus?.(); done(answer); };
    const buttons = answers.map((answer, place) => h("button", {
      type: "button", class: kind === "menu" ? (place === answers.length - 1 ? "item last" : "item") : (place ? "button plain" : "button"), onclick: () => close(answer),
    }, answer));
    const box = h("section", { class: `sheet-box sheet-${kind}`, role: "dialog", "aria-modal": "true", "aria-label": title },
      h("p", { class: "sheet-title" }, title), contents, h("div", { class: "sheet-answers" }, buttons));
    const over = h("div", { class: "shade", onclick: (event) => { if (event.target === over) close(answers.at(-1)); }, onkeydown: (event) => { if (event.key === "Escape") close(answers.at(-1)); } }, box);
    document.querySelector(".phone").append(over);
    buttons[0].focus();
  });
}
