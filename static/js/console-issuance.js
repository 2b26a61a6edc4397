/* One batch: its page follows what happens. */
"use strict";

const batch = document.querySelector("[data-issuance]");
let events = null;

/** Live while it is looked at: a browser has six connections for all its tabs, and the seventh batch would stand still. */
function follow() {
  events?.close();
  events = null;
  if (document.hidden) return;
  events = new EventSource(`${API}/issuances/${batch.dataset.issuance}/events`); // it begins with how things stand
  events.addEventListener("snapshot", (message) => show(JSON.parse(message.data)));
}

function show(now) {
  if (now.state !== batch.dataset.state || String(now.revision) !== batch.dataset.revision) {
    if (underWay) return; // our own step
    if (document.querySelector("dialog[open]")) warn(now.state_label);
    else location.reload();
    return;
  }
  const { total, sealed, failed } = now.progress;
  const bar = document.getElementById("bar");
  bar.max = total || 1;
  bar.value = sealed;
  document.getElementById("bar-text").textContent = `${sealed} / ${total}`;
  document.getElementById("bar-failed").textContent = failed ? `${failed} 份没有做成，系统每分钟重试` : "";
}

/** Somebody was faster while a dialog is open here: say so in it, take its “yes” away, and show the page anew once it closes. */
function warn(label) {
  const note = document.getElementById("sure-stale");
  note.textContent = `刚刚有人办理了这个批次，现在是“${label}”。请关闭后查看最新情况。`;
  note.hidden = false;
  document.getElementById("sure-yes").disabled = true;
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    dialog.addEventListener("close", () => { if (dialog.returnValue !== "yes") location.reload(); }, { once: true });
  }
}

follow();
document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", () => events?.close());
addEventListener("pageshow", (shown) => { if (shown.persisted) follow(); });
