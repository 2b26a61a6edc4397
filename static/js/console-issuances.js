/* The list of batches: many at once, and a preparation under way. */
"use strict";

const bulk = document.getElementById("bulk");

/** The ticked batches that wait for this step. */
function ticked(step) {
  return [...document.querySelectorAll(`input[data-step="${step}"]:checked`)].map((one) => Number(one.value));
}

function recount() {
  for (const button of bulk.querySelectorAll("[data-bulk]")) {
    const count = ticked(button.dataset.bulk).length;
    button.disabled = count === 0;
    button.textContent = button.dataset.label + (count ? `（${count}）` : "");
  }
}

async function takeAll(button) {
  const ids = ticked(button.dataset.bulk);
  if (!(await sure(button.dataset.confirm.replace("{n}", ids.length), button.dataset.label))) return;
  button.disabled = true;
  try {
    const done = await api("POST", `/issuances/${button.dataset.bulk}`, { ids });
    const good = done.items.filter((one) => one.ok).length;
    if (good === ids.length) {
      sayLater(`已${button.dataset.word} ${good} 个批次。`);
      return go();
    }
    const list = document.getElementById("bulk-refused");
    list.replaceChildren(...done.items.filter((one) => !one.ok).map((one) => element("li", "", `第 ${one.id} 批：${one.detail}`)));
    document.getElementById("bulk-said").textContent = `已${button.dataset.word} ${good} 个批次，${ids.length - good} 个没有办理：`;
    const dialog = document.getElementById("bulk-result");
    dialog.addEventListener("close", () => go(), { once: true });
    dialog.showModal();
  } catch (error) {
    say(document.getElementById("said"), error.message);
    button.disabled = false;
  }
}

if (bulk) {
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      document.querySelectorAll("input[data-step]").forEach((one) => { one.checked = event.target.checked; });
    }
    recount();
  });
  for (const button of bulk.querySelectorAll("[data-bulk]")) button.addEventListener("click", () => takeAll(button));
  recount();
}

const making = document.querySelector("[data-preparation]");
if (making) {
  const ask = async () => {
    try {
      const now = await api("GET", `/preparations/${making.dataset.preparation}`);
      if (now.state === "done") {
        sayLater(now.summary, now.refusals.length ? "wait" : "good");
        return go();
      }
      document.getElementById("preparing-bar").max = now.sites_total || 1;
      document.getElementById("preparing-bar").value = now.sites_done;
      document.getElementById("preparing-text").textContent = now.summary;
    } catch { /* asked again */ }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
}
