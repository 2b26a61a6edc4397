/* Lists: which columns are shown (kept in this browser), and the keys. table[data-list="name"] is a list; ? shows the keys. */
"use strict";

const list = document.querySelector("table[data-list]");

function hideColumns(hidden) {
  [...list.tHead.rows[0].cells].forEach((head, at) => {
    const off = hidden.includes(head.dataset.column);
    for (const row of list.rows) row.cells[at].hidden = off;
  });
}

function chooser() {
  const place = document.querySelector(`[data-columns-of="${list.dataset.list}"]`);
  const kept = `columns:${list.dataset.list}`;
  let hidden = [];
  try { hidden = JSON.parse(localStorage.getItem(kept) || "[]"); } catch { /* nothing kept */ }
  if (!Array.isArray(hidden)) hidden = [];
  hideColumns(hidden);
  const box = element("details", "columns-chosen");
  const inside = element("div");
  box.append(element("summary", "", "显示的列"), inside);
  for (const head of list.tHead.rows[0].cells) {
    if (!head.dataset.column) continue;
    const label = element("label", "check");
    const tick = element("input");
    tick.type = "checkbox";
    tick.checked = !hidden.includes(head.dataset.column);
    tick.addEventListener("change", () => {
      hidden = hidden.filter((one) => one !== head.dataset.column);
      if (!tick.checked) hidden.push(head.dataset.column);
      localStorage.setItem(kept, JSON.stringify(hidden));
      hideColumns(hidden);
    });
    label.append(tick, ` ${head.textContent}`);
    inside.append(label);
  }
  place?.prepend(box);
}
if (list) chooser();

/* Keys. None while somebody types, none with Ctrl, Alt or the command key, none beside a dialog. */
const ROW = "main tbody tr, main .due > li"; // the first page's lines are a list as well
const rowLinks = () => [...document.querySelectorAll(ROW)].map((row) => row.querySelector("a[href]")).filter(Boolean);

function step(by) {
  const links = rowLinks();
  if (!links.length) return;
  const row = document.activeElement?.closest(ROW);
  const here = links.findIndex((link) => row && link.closest(ROW) === row);
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + by));
  links[next].focus();
  links[next].closest(ROW).scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "?": () => document.getElementById("keys").showModal(),
  j: () => step(1),
  k: () => step(-1),
  n: () => document.querySelector('main a[rel="next"]')?.click(),
  p: () => document.querySelector('main a[rel="prev"]')?.click(),
  x: () => document.activeElement?.closest("tr")?.querySelector('input[type="checkbox"]')?.click(),
  "/": () => document.querySelector('main [role="search"] input:not([type="hidden"]), main .filters input:not([type="hidden"])')?.focus(),
  g: () => { location.href = "/console/"; },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") && event.target.type !== "checkbox") return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
