// What is wrong on purpose, on every page of the desk, with the way back to fair weather.
import { h, toast } from "./dom.js";

const strip = document.getElementById("weather-strip");

export async function ask(body) {
  const answer = await fetch("/sandbox/api/weather", body ? { method: "POST", body: JSON.stringify(body) } : {});
  const told = await answer.json();
  if (!answer.ok) { toast(told.problem); return null; }
  draw(told);
  document.dispatchEvent(new CustomEvent("weather", { detail: told }));
  return told;
}

let last = "";
function draw(told) {
  const on = told.items.filter((one) => one.on).map((one) => one.title);
  const said = [on.join("、"), told.by_hand && `另有 ${told.by_hand} 个开关不是原样`].filter(Boolean).join("；");
  strip.hidden = !said;
  if (said === last) return;
  last = said;
  strip.replaceChildren(...(said ? [h("span", {}, h("b", {}, "坏天气 "), said), h("button", { type: "button", onclick: () => ask({ fair: true }).then((done) => done && toast("天气好了")) }, "恢复好天气")] : []));
}

await ask();
setInterval(() => document.visibilityState === "visible" && ask().catch(() => {}), 2000);
