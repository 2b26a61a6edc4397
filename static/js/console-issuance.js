/* One batch: its page follows what happens. */
"use strict";

const batch = document.querySelector("[data-issuance]");
const events = new EventSource(`${API}/issuances/${batch.dataset.issuance}/events`);

events.addEventListener("snapshot", (message) => {
  const now = JSON.parse(message.data);
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
});

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

addEventListener("pagehide", () => events.close());
