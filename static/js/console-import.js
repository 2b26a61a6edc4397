/* Handing in a spreadsheet: drop it, check it, look at the errors, then take it in. */
"use strict";

const KINDS = { queued: "排队中", running: "处理中", done: "已完成", unreadable: "无法读取" };
const runBox = document.getElementById("run");
const importForm = document.getElementById("import-form");

function errorTable(errors) {
  const box = element("div", "table-box tall");
  box.tabIndex = 0;
  const table = element("table");
  const head = table.createTHead().insertRow();
  for (const name of ["行", "列", "问题与修改建议"]) head.append(element("th", name === "行" ? "num" : "", name));
  const body = table.createTBody();
  for (const error of errors.slice(0, 500)) {
    const row = body.insertRow();
    row.append(element("td", "num", error.row), element("td", "", error.column || "–"), element("td", "", error.detail));
  }
  box.append(table);
  return box;
}

function figures(run) {
  const list = element("dl", "figures");
  const shown = [["总行数", run.rows_total], [run.dry_run ? "可以写入" : "已写入", run.rows_taken], ["与现有相同", run.rows_unchanged], ["有错误", run.rows_refused]];
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

function verdict(run) {
  if (run.state === "unreadable") return element("p", "note bad", run.refusal.detail);
  const lost = run.all_or_nothing && run.rows_refused > 0;
  if (!run.rows_refused) {
    const text = run.dry_run ? "检查通过，没有发现错误，可以写入。" : run.rows_taken ? "全部写入完成。" : "内容与现有数据完全相同，没有改动。";
    return element("p", "note good", text);
  }
  const end = run.dry_run
    ? lost ? "按“一行错误就整份不写入”，这份表格现在不能写入。" : "可以先写入没有错误的行，也可以改好后重新检查。"
    : lost ? "按您的选择，整份没有写入。" : "其余的行已写入；请改好有错误的行后再导入一次。";
  return element("p", "note wait", `有 ${run.rows_refused} 行存在错误。${end}`);
}

function show(run, takeIn) {
  const parts = [];
  if (run.state === "queued" || run.state === "running") parts.push(progress(run));
  else {
    parts.push(verdict(run));
    if (run.state === "done") parts.push(figures(run));
  }
  for (const note of run.notes || []) parts.push(element("p", "soft small", note));
  if (run.errors?.length) {
    parts.push(errorTable(run.errors));
    if (run.errors.length > 500) parts.push(element("p", "soft small", `只显示前 500 条，共 ${run.errors.length} 条；完整内容请下载标注表。`));
  }
  const foot = element("div", "buttons");
  if (run.state === "done") {
    if (takeIn && run.dry_run && run.rows_taken > 0 && !(run.all_or_nothing && run.rows_refused)) {
      const button = element("button", "button", run.rows_refused ? `写入没有错误的 ${run.rows_taken} 行` : `写入这 ${run.rows_taken} 行`);
      button.type = "button";
      button.addEventListener("click", takeIn);
      foot.append(button);
    }
    const link = element("a", "button plain", "下载标注好的表格");
    link.href = `${API}/imports/${run.id}/report.xlsx`;
    foot.append(link);
  }
  parts.push(foot);
  runBox.hidden = false;
  runBox.replaceChildren(...parts);
}

/** Ask until the run has ended. */
async function watch(id, takeIn) {
  for (;;) {
    let run;
    try {
      run = await api("GET", `/imports/${id}`);
    } catch (error) {
      say(runBox, error.message);
      return;
    }
    show(run, takeIn);
    if (run.state === "done" || run.state === "unreadable") return;
    await new Promise((resolve) => { setTimeout(resolve, 700); });
  }
}

async function handIn(dry) {
  const form = new FormData();
  form.set("kind", importForm.elements.kind.value);
  form.set("dry_run", String(dry));
  form.set("all_or_nothing", String(Boolean(importForm.elements.all_or_nothing?.checked)));
  form.set("file", importForm.elements.file.files[0]);
  const button = document.getElementById("check-button");
  button.disabled = true;
  runBox.hidden = false;
  runBox.replaceChildren(element("p", "soft", "正在上传……"));
  try {
    const { id } = await api("POST", "/imports", form, { "idempotency-key": `${Date.now()}-${Math.random()}` });
    await watch(id, dry ? () => handIn(false) : null);
  } catch (error) {
    const first = error.problem.errors?.[0]?.detail;
    say(runBox, first || error.message);
  } finally {
    button.disabled = false;
  }
}

function chosen(files) {
  const file = files[0];
  document.getElementById("file-name").textContent = file ? file.name : "把文件拖到这里，或点击选择";
  document.getElementById("drop").classList.toggle("has-file", Boolean(file));
  document.getElementById("check-button").disabled = !file;
  runBox.hidden = true;
}

if (importForm) {
  const input = importForm.elements.file;
  const drop = document.getElementById("drop");
  input.addEventListener("change", () => chosen(input.files));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    chosen(input.files);
  });
  importForm.addEventListener("submit", (event) => { event.preventDefault(); handIn(true); });
  if (input.files.length) chosen(input.files);
} else if (runBox?.dataset.import) watch(runBox.dataset.import, null);
