/* Finding a candidate. What is typed goes in the body of a call and is kept nowhere. */
"use strict";

const find = document.getElementById("find");
const foundRows = document.getElementById("found-rows");

function cell(label, text, className) {
  const made = element("td", className, text);
  made.dataset.label = label;
  return made;
}

function foundRow(one) {
  const row = element("tr");
  const name = cell("姓名");
  const link = element("a", "", one.name);
  link.href = `/console/people/${one.id}`;
  name.append(link);
  row.append(name, cell("证件号码", one.id_masked, "mono"), cell("院校", one.school || "–"), cell("最近的考试计划", one.plan || "–"),
    cell("微信绑定", one.is_bound ? "已绑定" : "未绑定"), cell("按哪一项找到", one.how, "soft"));
  return row;
}

find.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!looksRight(find)) return;
  const button = find.querySelector('[type="submit"]');
  button.disabled = true;
  document.getElementById("said").replaceChildren();
  try {
    const found = await api("POST", "/people/find", { q: find.q.value });
    // A whole number means one person; of a name the one hit may be somebody else, and opening a page is on record.
    if (found.items.length === 1 && found.items[0].how !== "姓名") return go(`/console/people/${found.items[0].id}`);
    foundRows.replaceChildren(...found.items.map(foundRow));
    document.getElementById("found").hidden = false;
    document.getElementById("found-more").hidden = !found.is_more;
    document.getElementById("found-box").hidden = found.items.length === 0;
    document.getElementById("found-none").hidden = found.items.length > 0;
  } catch (error) {
    if (!error.isOver) showProblem(find, document.getElementById("said"), error);
  } finally {
    button.disabled = false;
  }
});
