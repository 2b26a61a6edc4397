/* Handing in a spreadsheet: check it, look at what it would do, confirm unknown names, take it in; also later. */
"use strict";

const KINDS = { queued: "排队中", running: "处理中", done: "已完成", unreadable: "无法读取" };
const NAMES = { plans: "考试计划", schools: "院校", sites: "考核站点" };
const MOST_ROWS = 500;
const runBox = document.getElementById("run");
const importForm = document.getElementById("import-form");
const mayImport = Boolean(importForm) || runBox?.dataset.may === "1";

function rowsTable(titles, rows) {
  const box = element("div", "table-box tall");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  const table = element("table", "cards-when-narrow");
  const head = table.createTHead().insertRow();
  for (const name of titles) head.append(element("th", name === "行" ? "num" : "", name));
  const body = table.createTBody();
  for (const cells of rows.slice(0, MOST_ROWS)) {
    const row = body.insertRow();
    cells.forEach((cell, place) => {
      const made = element("td", titles[place] === "行" ? "num" : "", cell);
      made.dataset.label = titles[place];
      row.append(made);
    });
  }
  box.append(table);
  return box;
}

function errorTable(errors) {
  const box = rowsTable(
    ["行", "列", "表格里写的", "问题与修改建议"],
    errors.map((error) => [error.row, error.column || "–", error.value || "（空）", error.detail]),
  );
  box.setAttribute("aria-label", "错误");
  return box;
}

function changeTable(run) {
  const section = element("section", "changes");
  section.append(element("h3", "", run.dry_run ? "将要改动的内容（原来 → 改为）" : "已改动的内容（原来 → 改为）"));
  const rows = run.differences.flatMap((one) => one.changes.map((change) => [one.row, one.who, change.what, `${change.was} → ${change.became}`]));
  const box = rowsTable(["行", "对象", "项目", "改动"], rows);
  box.setAttribute("aria-label", "改动");
  section.append(box);
  if (run.rows_changed > run.differences.length || rows.length > MOST_ROWS) {
    section.append(element("p", "soft small", `共改动 ${run.rows_changed} 行，这里只列出一部分；更多请下载标注表。`));
  }
  return section;
}

function figures(run) {
  const list = element("dl", "figures");
  const shown = [["总行数", run.rows_total], ["新增", run.rows_new], ["改动", run.rows_changed], ["与现有相同", run.rows_unchanged], ["有错误", run.rows_refused]];
  if (run.rows_skipped) shown.push(["没有读取", run.rows_skipped]);
  for (const [name, value] of shown) {
    const pair = element("div");
    pair.append(element("dt", "", name), element("dd", name === "有错误" && value ? "bad" : "", value));
    list.append(pair);
  }
  return list;
}

function progress(run) {
  const box = element("div", "making");
  const bar = element("progress");
  bar.max = run.progress.total || 1;
  if (run.progress.total) bar.value = run.progress.done;
  bar.setAttribute("aria-label", "导入进度");
  box.append(element("span", "", KINDS[run.state]), bar, element("span", "", run.progress.total ? `${run.progress.done} / ${run.progress.total} 行` : ""));
  return box;
}

function counted(run) {
  return [run.rows_new && `新增 ${run.rows_new} 行`, run.rows_changed && `改动 ${run.rows_changed} 行`].filter(Boolean).join("，");
}

/** [kind of note, sentence] for a check that has ended. */
function checked(run) {
  const bad = run.rows_refused;
  if (run.taken_by) return ["good", "这次检查已经写入。"];
  if (!run.can_check_again) return ["wait", "检查用的文件只保留一天，已经清理。要写入请重新上传检查。"];
  if (run.all_or_nothing && bad) return ["bad", `有 ${bad} 行没有通过。按“一行错误就整份不写入”，这份表格现在不能写入。`];
  if (!run.rows_taken && run.can_take) return [bad ? "wait" : "good", `没有要登记的编号${bad ? `，有 ${bad} 行没有通过` : ""}。可以保存这份清单，与本系统的证书逐项核对。`];
  if (!run.rows_taken && !bad) return ["good", "没有变化：内容与现有数据完全相同，不需要写入。"];
  if (!run.rows_taken) return ["bad", `没有可以写入的行：${bad} 行没有通过，请按下面的提示处理后重新检查。`];
  const grave = run.differences.filter((one) => one.is_grave).length;
  const warning = grave ? `注意：其中 ${grave} 行的考生现在是“通过”，写入后不再通过，请逐一核对。` : "";
  if (bad) return [grave ? "bad" : "wait", `有 ${bad} 行没有通过，不会写入。其余可以先写入：${counted(run)}。${warning}`];
  if (grave) return ["bad", `可以写入：${counted(run)}。${warning}`];
  return run.rows_changed
    ? ["wait", `检查通过，可以写入：${counted(run)}。请先看清下面的改动。`]
    : ["good", `检查通过，没有发现错误，可以写入：${counted(run)}。`];
}

function taken(run) {
  const bad = run.rows_refused;
  if (run.kind === "portal" && !(run.all_or_nothing && bad)) {
    return [bad ? "wait" : "good", `清单已保存，登记编号 ${run.rows_taken} 行${bad ? `，${bad} 行没有登记` : ""}。与证书不一致的，稍后列在“门户核对”页。`];
  }
  if (run.all_or_nothing && bad) return ["bad", `有 ${bad} 行没有通过。按您的选择，整份没有写入。`];
  if (!run.rows_taken && !bad) return ["good", "没有变化：内容与现有数据完全相同，没有改动。"];
  if (!run.rows_taken) return ["bad", `没有写入任何一行：${bad} 行没有通过，请改好后再导入一次。`];
  if (bad) return ["wait", `已写入：${counted(run)}。另有 ${bad} 行没有通过，请改好后再导入一次。`];
  return ["good", `全部写入完成：${counted(run)}。`];
}

function verdict(run) {
  if (run.state === "unreadable") return element("p", "note bad", run.refusal.detail);
  const [kind, text] = run.dry_run ? checked(run) : taken(run);
  return element("p", "note " + kind, text);
}

/** Unknown names, each to be confirmed by itself. */
function askNames(run) {
  const form = element("form", "ask-names");
  form.append(element("h3", "", "系统里没有这些名称"), element("p", "", "是笔误就改正表格；确是新的，请逐个勾选，确认后会重新检查一遍。没有确认的名称，所在的行不会写入。"));
  for (const [kind, names] of Object.entries(run.asked)) {
    const group = element("fieldset", "names");
    group.append(element("legend", "", NAMES[kind]));
    for (const one of names) {
      const label = element("label", "check name");
      const box = element("input");
      box.type = "checkbox";
      box.name = kind;
      box.value = one.name;
      const words = element("span");
      words.append(element("b", "", one.name), element("small", "soft", `${one.rows} 行，首见第 ${one.first_row} 行`));
      if (one.like.length) words.append(element("small", "like", `看起来像：${one.like.join("、")}`));
      label.append(box, words);
      group.append(label);
    }
    form.append(group);
  }
  const foot = element("div", "buttons");
  const button = element("button", "button", "确认新建所选名称，并重新检查");
  button.type = "submit";
  button.disabled = true;
  form.addEventListener("change", () => { button.disabled = !form.querySelector(":checked"); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const create = {};
    for (const box of form.querySelectorAll("input:checked")) (create[box.name] ||= []).push(box.value);
    goOn(button, `/imports/${run.id}/check`, { create });
  });
  foot.append(button);
  form.append(foot);
  return form;
}

function act(text, className, path, body) {
  const button = element("button", "button" + className, text);
  button.type = "button";
  button.addEventListener("click", () => goOn(button, path, body));
  return button;
}

function foot(run) {
  const box = element("div", "buttons");
  if (!mayImport) return box;
  if (run.can_take) box.append(act(!run.rows_taken ? "保存这份清单" : run.rows_refused ? `只写入没有错误的 ${run.rows_taken} 行` : `写入这 ${run.rows_taken} 行`, "", `/imports/${run.id}/take`, {}));
  const again = run.dry_run ? run.can_check_again && !run.taken_by && run.state === "done" : run.refusal?.code === "moved_since_check";
  if (again) box.append(act("重新检查", " plain", `/imports/${run.dry_run ? run.id : run.check_id}/check`, {}));
  const other = run.taken_by || (!run.dry_run && run.check_id);
  if (other) {
    const link = element("a", "button plain", run.taken_by ? "查看写入的结果" : "查看写入前的检查");
    link.href = `/console/imports/${other}`;
    box.append(link);
  }
  if (run.has_report && (run.rows_refused || run.rows_changed)) {
    const link = element("a", "button plain", "下载标注好的表格");
    link.href = `${API}/imports/${run.id}/report.xlsx`;
    box.append(link);
  }
  return box;
}

/** Notes about rows, columns and sheets that somebody may not have seen, or that were left out. */
const UNSEEN = /隐藏|没有导入|没有读取“/;

function show(run) {
  const parts = [];
  if (run.state === "queued" || run.state === "running") parts.push(progress(run));
  else {
    parts.push(verdict(run));
    if (run.state === "done") parts.push(figures(run));
  }
  for (const note of run.notes || []) parts.push(element("p", UNSEEN.test(note) ? "note wait" : "soft small", note));
  if (run.differences?.length) parts.push(changeTable(run));
  if (mayImport && run.dry_run && run.can_check_again && !run.taken_by && Object.keys(run.asked || {}).length) parts.push(askNames(run));
  if (run.errors?.length) {
    parts.push(errorTable(run.errors));
    if (run.errors.length > MOST_ROWS) parts.push(element("p", "soft small", `只显示前 ${MOST_ROWS} 条，共 ${run.errors.length} 条；完整内容请下载标注表。`));
  }
  parts.push(foot(run));
  runBox.hidden = false;
  runBox.replaceChildren(...parts);
}

/** The list below is as the server has it now. */
async function refreshList() {
  const list = document.getElementById("past");
  if (!list) return;
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    const fresh = page.getElementById("past");
    if (fresh) list.replaceWith(document.adoptNode(fresh));
  } catch { /* the old list stays until the page is opened again */ }
}

/** Where a refresh or another tab finds this run again. */
function remember(id) {
  if (document.getElementById("past")) history.replaceState(null, "", `?run=${id}`);
}

/** Ask until the run has ended. */
async function watch(id) {
  for (;;) {
    let run;
    try {
      run = await api("GET", `/imports/${id}`);
    } catch (error) {
      say(runBox, error.message);
      return;
    }
    show(run);
    if (run.state === "done" || run.state === "unreadable") break;
    await new Promise((resolve) => { setTimeout(resolve, 700); });
  }
  await refreshList();
}

/** Write or check again what was checked, with the settings it was checked with. */
async function goOn(button, path, body) {
  button.disabled = true;
  try {
    const { id } = await api("POST", path, body);
    if (!importForm) { location.assign(`/console/imports/${id}`); return; }
    remember(id);
    runBox.scrollIntoView({ block: "nearest" });
    await watch(id);
  } catch (error) {
    say(runBox, error.message);
  }
}

async function handIn() {
  const form = new FormData();
  form.set("kind", importForm.elements.kind.value);
  form.set("dry_run", "true");
  form.set("all_or_nothing", String(Boolean(importForm.elements.all_or_nothing?.checked)));
  form.set("file", importForm.elements.file.files[0]);
  const button = document.getElementById("check-button");
  button.disabled = true;
  runBox.hidden = false;
  runBox.replaceChildren(element("p", "soft", "正在上传……"));
  try {
    const { id } = await api("POST", "/imports", form, { "idempotency-key": `${Date.now()}-${Math.random()}` });
    remember(id);
    await watch(id);
  } catch (error) {
    const first = error.problem.errors?.[0]?.detail;
    say(runBox, first || error.message);
  } finally {
    button.disabled = false;
  }
}

function forget() {
  runBox.hidden = true;
  if (document.getElementById("past")) history.replaceState(null, "", location.pathname);
}

function chosen(files) {
  const file = files[0];
  document.getElementById("file-name").textContent = file ? file.name : "把文件拖到这里，或点击选择";
  document.getElementById("drop").classList.toggle("has-file", Boolean(file));
  document.getElementById("check-button").disabled = !file;
}

/** Template and column help of the kind that is chosen; what was checked as another kind is put away. */
function kindChosen() {
  const kind = importForm.elements.kind.value;
  for (const one of document.querySelectorAll("[data-guide]")) one.hidden = one.dataset.guide !== kind;
}

if (importForm) {
  const input = importForm.elements.file;
  const drop = document.getElementById("drop");
  input.addEventListener("change", () => { chosen(input.files); forget(); });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    chosen(input.files);
    forget();
  });
  importForm.addEventListener("change", (event) => {
    if (event.target.name === "kind") { kindChosen(); forget(); }
    if (event.target.name === "all_or_nothing") forget();
  });
  importForm.addEventListener("submit", (event) => { event.preventDefault(); handIn(); });
  if (input.files.length) chosen(input.files);
  kindChosen();
  const earlier = new URLSearchParams(location.search).get("run");
  if (earlier && /^\d{1,18}$/.test(earlier) && document.getElementById("past")) watch(earlier);
} else if (runBox?.dataset.import) watch(runBox.dataset.import);
