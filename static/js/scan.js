// The officer's page: count down to the QR's end, and then say so instead of sending a dead form.
"use strict";

const timer = document.querySelector("[data-seconds]");
if (timer) {
  const ends = Date.now() + Number(timer.dataset.seconds) * 1000;
  const left = timer.querySelector("[data-left]");
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    left.textContent = `（剩余 ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}）`;
    timer.classList.toggle("soon", seconds <= 60);
    if (seconds > 0) {
      return;
    }
    clearInterval(clock);
    timer.hidden = true;
    document.querySelector("[data-expired]").hidden = false;
    document.querySelectorAll("form button[type=submit]").forEach((button) => {
      button.disabled = true;
    });
  };
  const clock = setInterval(tick, 1000);
  tick();
}
