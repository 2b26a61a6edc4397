// The index of the help: what one types leaves only the pages that hold every word of it. Nothing is sent.
(() => {
  "use strict";
  const field = document.querySelector("[data-find]");
  const said = document.getElementById("find-said");
  const pages = [...document.querySelectorAll("[data-help]")];
  const groups = [...document.querySelectorAll("[data-group]")];

  const find = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const page of pages) {
      const text = page.dataset.help.toLowerCase();
      page.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of groups) group.hidden = !group.querySelector("[data-help]:not([hidden])");
    const left = pages.filter((page) => !page.hidden).length;
    said.textContent = !words.length ? "" : left ? `找到 ${left} 页。` : "没有这样的一页，请换一个词。";
  };

  field.addEventListener("input", find);
  field.addEventListener("keydown", (event) => {
    const first = pages.find((page) => !page.hidden);
    if (event.key === "Enter" && field.value.trim() && first) first.querySelector("a").click();
  });
  find(); // what the browser kept of an earlier visit
})();
