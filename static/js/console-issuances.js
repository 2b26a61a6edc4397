/* The list of batches: a preparation under way. */
"use strict";

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
