// Pages inside WeChat: ask anew when the page comes back from the back-forward cache, and never send a form twice.
"use strict";

window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});

// A page that answers a form stands in the history as its address: going back, or refreshing, sends nothing again.
const answered = document.body.dataset.answers;
if (answered) {
  const here = location.pathname;
  history.replaceState(null, "", answered === "above" ? here.slice(0, here.lastIndexOf("/")) : here);
}
// A greeting is said once.
if (location.search === "?welcome=1") {
  history.replaceState(null, "", location.pathname);
}

const back = document.querySelector("[data-back]");
if (back && history.length > 1) {
  back.hidden = false;
  back.addEventListener("click", () => history.back());
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const button = form.querySelector("button[type=submit][data-busy]");
  if (button) {
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
  }
});
