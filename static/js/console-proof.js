/* A bank's slip as proof: what file it may be, how it looks before it is sent, and the sending. */
"use strict";

function wrongFile(proof) {
  const file = proof.files[0];
  if (!proof.accept.split(",").includes(file.type)) return "凭证须是 PDF、JPEG 或 PNG 文件。";
  const most = Number(proof.dataset.largest);
  return file.size > most ? `凭证不能超过 ${most / 1024 / 1024} MB，请压缩后重新选择。` : "";
}

/** The chosen file, before it is sent: a picture is shown, a PDF opens in a tab of its own. */
function showProof(proof, preview) {
  preview.replaceChildren();
  preview.hidden = true;
  const file = proof.files[0];
  if (!file || wrongFile(proof)) return;
  if (file.type === "application/pdf") {
    const link = element("a", "", `打开“${file.name}”核对`);
    link.href = URL.createObjectURL(file);
    link.target = "_blank";
    link.rel = "noopener";
    preview.append(link);
    preview.hidden = false;
    return;
  }
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    const picture = element("img");
    picture.src = reader.result;
    picture.alt = `凭证预览：${file.name}`;
    preview.replaceChildren(picture);
    preview.hidden = false;
  });
  reader.readAsDataURL(file);
}

/** Send the form with its file, once: what the API answers, or null when it refused, which the form says. */
async function handIn(form, path, sent) {
  const place = form.querySelector(".said");
  const button = form.querySelector('[type="submit"]');
  place.replaceChildren();
  button.disabled = true;
  try {
    return await api("POST", path, sent, key(form));
  } catch (error) {
    newKey(form, error);
    if (!error.isOver) showProblem(form, place, error);
    button.disabled = false;
    return null;
  }
}
