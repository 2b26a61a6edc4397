/* One batch: its page follows what happens. */
"use strict";

const batch = document.querySelector("[data-issuance]");
const events = new EventSource(`${API}/issuances/${batch.dataset.issuance}/events`);

events.addEventListener("snapshot", (message) => {
  const now = JSON.parse(message.data);
  if (now.state !== batch.dataset.state || String(now.revision) !== batch.dataset.revision) {
    if (!document.querySelector("dialog[open]")) location.reload();
    return;
  }
  const { total, sealed, failed } = now.progress;
  const bar = document.getElementById("bar");
  bar.max = total || 1;
  bar.value = sealed;
  document.getElementById("bar-text").textContent = `${sealed} / ${total}`;
  document.getElementById("bar-failed").textContent = failed ? `${failed} 份出错，系统会自动重试` : "";
});

addEventListener("pagehide", () => events.close());
