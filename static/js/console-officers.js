/* Officers invited from a pasted list: one line of the answer for each. */
"use strict";

const invitations = document.getElementById("invite-list-form");

function resultRow(one) {
  const row = element("tr", "");
  for (const text of [one.row, one.school, one.name]) row.append(element("td", "", String(text)));
  const last = element("td", one.url ? "mono" : "bad", one.url || one.detail);
  row.append(last);
  return row;
}

invitations?.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  const place = invitations.querySelector(".said");
  const button = invitations.querySelector('[type="submit"]');
  place.replaceChildren();
  button.disabled = true;
  try {
    const done = await api("POST", "/officers/invitations", { list: invitations.list.value }, key(invitations));
    document.getElementById("invite-list").close();
    document.getElementById("invited-rows").replaceChildren(...done.items.map(resultRow));
    document.getElementById("invited-said").textContent = `已邀请 ${done.done} 人，${done.refused} 行没有办理。链接只在这里显示一次，请复制后分别发给本人。`;
    document.getElementById("invited-copy").value = done.items.filter((one) => one.url).map((one) => [one.school, one.name, one.url].join("\t")).join("\n");
    const dialog = document.getElementById("invited-list");
    dialog.addEventListener("close", () => go(), { once: true });
    dialog.showModal();
  } catch (error) {
    newKey(invitations, error);
    if (!error.isOver) showProblem(invitations, place, error);
  } finally {
    button.disabled = false;
  }
}, true);

document.getElementById("invited-copy-button")?.addEventListener("click", async (event) => {
  const field = document.getElementById("invited-copy");
  field.select();
  try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
  event.target.textContent = "已复制";
});
