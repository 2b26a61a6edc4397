/* People enrolled in a course from a pasted list: one line of the answer for each. */
"use strict";

const enrolment = document.getElementById("enrol-form");

function enrolledRow(one) {
  const row = element("tr", "");
  for (const text of [one.row, one.school, one.name]) row.append(element("td", "", String(text)));
  const said = one.code ? one.detail : one.is_new ? "已登记" : "以前已登记，没有变化";
  row.append(element("td", one.code ? "bad" : "", said));
  return row;
}

enrolment?.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  if (!looksRight(enrolment)) return;
  const place = enrolment.querySelector(".said");
  const button = enrolment.querySelector('[type="submit"]');
  place.replaceChildren();
  button.disabled = true;
  try {
    const done = await api("POST", `/courses/${enrolment.dataset.course}/enrolments`, { list: enrolment.list.value }, key(enrolment));
    document.getElementById("enrol").close();
    document.getElementById("enrolled-rows").replaceChildren(...done.items.map(enrolledRow));
    document.getElementById("enrolled-said").textContent = `共 ${done.items.length} 行：登记 ${done.done} 人，${done.unchanged} 人以前已登记，${done.refused} 行没有办理。`;
    const dialog = document.getElementById("enrolled");
    dialog.addEventListener("close", () => go(), { once: true });
    dialog.showModal();
  } catch (error) {
    newKey(enrolment, error);
    if (!error.isOver) showProblem(enrolment, place, error);
  } finally {
    button.disabled = false;
  }
}, true);
