// Lists the calls of /docs/openapi.json, one foldable line each.
"use strict";

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function operation(path, verb, details) {
  const box = element("details", "operation");
  const line = element("summary");
  line.append(element("span", "verb", verb.toUpperCase()), element("code", "", path), " ");
  line.append(element("span", "says", details.summary || ""));
  box.append(line);
  if (details.description) box.append(element("p", "", details.description));
  const { parameters, requestBody, responses } = details;
  box.append(element("pre", "", JSON.stringify({ parameters, requestBody, responses }, null, 2)));
  return box;
}

async function show() {
  const place = document.getElementById("operations");
  const spec = await (await fetch("/docs/openapi.json")).json();
  const groups = new Map();
  for (const [path, verbs] of Object.entries(spec.paths)) {
    for (const [verb, details] of Object.entries(verbs)) {
      const name = (details.tags || ["其他"])[0];
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(operation(path, verb, details));
    }
  }
  place.replaceChildren();
  for (const [name, boxes] of groups) place.append(element("h2", "", name), ...boxes);
}

show().catch(() => {
  document.getElementById("operations").textContent = "暂时读不到接口说明，请稍后刷新。";
});
