// The start page: whose phone the buttons open, whether the service answers, and the weather.
import { toast } from "./dom.js";
import { ask } from "./weather_strip.js";

function choose(input) {
  const card = input.closest(".role");
  for (const link of card.querySelectorAll("[data-query]")) link.href = input.value + link.dataset.query;
  card.querySelector(".name").textContent = input.dataset.name;
  card.querySelector("[data-follow]")?.classList.toggle("done", input.dataset.follows === "true");
}

for (const input of document.querySelectorAll(".who input")) {
  input.addEventListener("change", () => choose(input));
  if (input.checked) choose(input); // a browser that comes back remembers who was chosen
}

const service = document.getElementById("service");
async function look() {
  const told = await (await fetch("/sandbox/api/service")).json();
  service.classList.toggle("no", !told.status);
  service.textContent = told.status ? `被测的服务有回答（${told.ms} 毫秒）` : "被测的服务没有回答：先启动它，或改 SANDBOX_SERVICE_URL";
}

document.getElementById("presets").addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const isMoment = "moment" in button.dataset;
  const told = await ask({ name: button.dataset.name, on: button.getAttribute("aria-pressed") !== "true" });
  if (told) toast(isMoment ? `${button.querySelector("b").textContent}：发生了一次` : "已生效");
});
document.getElementById("fair").addEventListener("click", async () => { if (await ask({ fair: true })) toast("天气好了"); });

document.addEventListener("weather", ({ detail }) => {
  for (const one of detail.items) {
    const button = document.querySelector(`#presets [data-name="${one.name}"]`);
    if (!button || one.is_moment) continue;
    button.setAttribute("aria-pressed", String(one.on));
    button.querySelector("i").textContent = one.on ? "正在发生" : "";
  }
  document.getElementById("fair").disabled = !detail.by_hand && !detail.items.some((one) => one.on);
});
await look();
setInterval(() => document.visibilityState === "visible" && look().catch(() => {}), 5000);
