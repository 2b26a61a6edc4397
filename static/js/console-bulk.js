/* Several ticked rows of a list at once: first what will be done to which of them, then one answer for each.

   input[data-steps="sign remind"]  a row's tick, and the acts that it may take; data-what: the row in words; data-fen, data-people: what is summed; data-seen: the list_sha256 of the batch as shown
   [data-bulk="/path"]              the act; data-step, data-label, data-word (done), data-unit, data-ask (what it does), data-reason (it asks for one), data-lists (exactly the lists that were seen) */
"use strict";

const bulk = document.getElementById("bulk");
const ticks = () => [...document.querySelectorAll("input[data-steps]")];
const ticked = (step) => ticks().filter((one) => one.checked && one.dataset.steps.split(" ").includes(step));
const summed = (rows, name) => rows.reduce((sum, one) => sum + Number(one.dataset[name] || 0), 0);

function recount() {
  for (const button of bulk.querySelectorAll("[data-bulk]")) {
    const count = ticked(button.dataset.step).length;
    button.disabled = count === 0;
    button.textContent = button.dataset.label + (count ? `（${count}）` : "");
  }
}

/** What will be done, to which rows; the reason that was given, or null for no. */
function asked(button, rows) {
  const dialog = document.getElementById("bulk-ask");
  const [people, fen] = [summed(rows, "people"), summed(rows, "fen")];
  document.getElementById("bulk-ask-title").textContent = button.dataset.label;
  document.getElementById("bulk-ask-text").textContent = button.dataset.ask;
  const counts = [`共 ${rows.length} ${button.dataset.unit}`];
  if (people) counts.push(`，${people} 人`);
  if (fen) counts.push(`，合计 ${yuanOf(fen)}`);
  document.getElementById("bulk-ask-count").replaceChildren(...counts.map((one) => element("span", "", one)));
  document.getElementById("bulk-ask-rows").replaceChildren(...rows.map((one) => element("li", "", one.dataset.what)));
  const reason = document.getElementById("bulk-reason");
  reason.closest(".field").hidden = !button.dataset.reason;
  reason.required = Boolean(button.dataset.reason);
  const yes = document.getElementById("bulk-yes");
  yes.textContent = button.dataset.label;
  yes.classList.toggle("danger", "danger" in button.dataset);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? reason.value.trim() : null), { once: true });
  });
}

function yuanOf(fen) {
  return `¥${Math.floor(fen / 100).toLocaleString("en-US")}.${String(fen % 100).padStart(2, "0")}`;
}

/** One line for each that was refused, and for each link that is shown this once. */
function told(button, rows, done) {
  const names = new Map(rows.map((one) => [Number(one.value), one.dataset.what]));
  const links = done.items.filter((one) => one.url);
  const refused = done.items.filter((one) => !one.ok);
  if (!refused.length && !links.length) {
    sayLater(`${done.items.length} ${button.dataset.unit}已${button.dataset.word}。`);
    return go();
  }
  document.getElementById("bulk-said").textContent = refused.length
    ? `${done.items.length - refused.length} ${button.dataset.unit}已${button.dataset.word}，${refused.length} ${button.dataset.unit}没有办理：`
    : `${done.items.length} ${button.dataset.unit}已${button.dataset.word}。`;
  document.getElementById("bulk-refused").replaceChildren(...refused.map((one) => element("li", "", `${names.get(one.id)}：${one.detail}`)));
  const kept = document.getElementById("bulk-links");
  kept.hidden = !links.length;
  kept.querySelector("textarea").value = links.map((one) => `${names.get(one.id)}\t${one.url}`).join("\n");
  const dialog = document.getElementById("bulk-result");
  dialog.addEventListener("close", () => go(), { once: true });
  dialog.showModal();
}

async function takeAll(button) {
  const rows = ticked(button.dataset.step);
  const reason = await asked(button, rows);
  if (reason === null) return;
  button.disabled = true;
  try {
    const body = "lists" in button.dataset
      ? { batches: rows.map((one) => ({ id: Number(one.value), list_sha256: one.dataset.seen })) }
      : { ids: rows.map((one) => Number(one.value)), ...(button.dataset.reason ? { reason } : {}) };
    told(button, rows, await api("POST", button.dataset.bulk, body));
  } catch (error) {
    button.disabled = false;
    if (error.isOver) return;
    const { status } = error.problem || {};
    if (status >= 400 && status < 500) return say(document.getElementById("said"), error.message);
    sayLater(error.message, "bad"); // some may be done: the list shows which
    go();
  }
}

if (bulk) {
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") ticks().forEach((one) => { one.checked = event.target.checked; });
    recount();
  });
  for (const button of bulk.querySelectorAll("[data-bulk]")) button.addEventListener("click", () => takeAll(button));
  recount();
}
