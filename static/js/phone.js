// Pages inside WeChat: ask anew when the page comes back from the back-forward cache, never send a form twice, say when
// the network is away, and keep what was typed until it has arrived.
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

const back = document.querySelector("[data-back]");
if (back && history.length > 1) {
  back.hidden = false;
  back.addEventListener("click", () => history.back());
}

/** One sentence that goes away by itself. */
function toast(text) {
  document.querySelector(".toast")?.remove();
  const said = document.createElement("p");
  said.className = "toast";
  said.setAttribute("role", "status");
  document.body.append(said);
  said.textContent = text; // after it is there, so that it is read out
}

const line = document.querySelector("[data-offline]");
function watchLine() {
  line.hidden = navigator.onLine;
}
if (line) {
  window.addEventListener("online", watchLine);
  window.addEventListener("offline", watchLine);
  watchLine();
}

// What is typed is kept in this tab until it has arrived, or for half an hour: a log-in that ends in the middle, a lost
// network or a step back costs nobody their words. Passwords and checks are never kept.
const DRAFT = "xcert-draft:";
const DRAFT_MS = 30 * 60 * 1000;
const NEVER = ["password", "hidden", "file"];
const store = (() => {
  try {
    return window.sessionStorage;
  } catch {
    return null; // switched off
  }
})();
const drafted = [...document.querySelectorAll("form[data-draft]")];
function fields(form) {
  return [...form.elements].filter((one) => one.name && "value" in one && !NEVER.includes(one.type) && one.type !== "submit" && one.dataset.draft !== "no");
}
if (store) {
  const isDone = document.body.hasAttribute("data-done");
  for (const key of Object.keys(store).filter((one) => one.startsWith(DRAFT))) {
    if (isDone || Date.now() - JSON.parse(store.getItem(key)).at > DRAFT_MS) {
      store.removeItem(key);
    }
  }
  for (const form of drafted) {
    const key = DRAFT + form.dataset.draft;
    const kept = JSON.parse(store.getItem(key) || "{}").fields ?? {};
    for (const one of fields(form)) {
      if (one.value === "" && typeof kept[one.name] === "string") {
        one.value = kept[one.name];
        one.closest("details")?.setAttribute("open", "");
      }
    }
    form.addEventListener("input", () => {
      const typed = Object.fromEntries(fields(form).map((one) => [one.name, one.value]));
      store.setItem(key, JSON.stringify({ at: Date.now(), fields: typed }));
    });
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!navigator.onLine) {
    event.preventDefault();
    toast(document.body.dataset.noNetwork);
    return;
  }
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const button = event.submitter?.dataset.busy ? event.submitter : form.querySelector("button[type=submit][data-busy]");
  if (button && (!event.submitter || event.submitter === button)) {
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (link && !navigator.onLine && !link.getAttribute("href").startsWith("#") && !link.href.startsWith("tel:")) {
    event.preventDefault();
    toast(document.body.dataset.noNetwork);
  }
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const field = document.createElement("textarea"); // WeChat on older phones has no clipboard for pages
      field.value = button.dataset.copy;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    toast(button.dataset.copied);
  });
}
