// The scanner: a link, a picture from a file or the clipboard, or what is on the screen.
import { h, icon, ICONS, bar, toast } from "./dom.js";

async function decode(picture) {
  if ("BarcodeDetector" in window) {
    const found = await new BarcodeDetector({ formats: ["qr_code"] }).detect(await createImageBitmap(picture)).catch(() => []);
    if (found.length) return found[0].rawValue;
  }
  const answer = await fetch("/phone/api/decode", { method: "POST", body: picture });
  const told = await answer.json();
  if (answer.ok) return told.text;
  toast(told.problem);
  return null;
}

async function fromScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
  const film = h("video", { muted: true });
  film.srcObject = stream;
  await film.play();
  const still = h("canvas", { width: film.videoWidth, height: film.videoHeight });
  still.getContext("2d").drawImage(film, 0, 0);
  stream.getTracks().forEach((track) => track.stop());
  return new Promise((done) => still.toBlob(done, "image/png"));
}

/** What reads a code: `scan` gets its text, and `album` when it came from there (payment codes must not). */
export function scanner(scan) {
  const take = async (picture, how = "camera") => picture && scan(await decode(picture), how);
  const file = h("input", { type: "file", accept: "image/*", id: "file", hidden: true, onchange: (event) => take(event.target.files[0], "album") });
  const over = (event) => { event.preventDefault(); event.currentTarget.classList.toggle("lit", event.type === "dragover"); };
  const box = h("div", { class: "drop", tabindex: "0", "aria-label": "在这里粘贴或拖入二维码图片", ondragover: over, ondragleave: over, ondrop: (event) => { over(event); take(event.dataTransfer.files[0]); } },
    icon(ICONS.scan), "把二维码图片粘贴（Ctrl+V）或拖到这里");
  const pasted = (event) => {
    if (!box.isConnected) { removeEventListener("paste", pasted); return; }
    const picture = [...event.clipboardData.items].find((item) => item.type.startsWith("image/"));
    if (picture) take(picture.getAsFile());
  };
  addEventListener("paste", pasted);
  const link = h("form", { onsubmit: (event) => { event.preventDefault(); scan(event.target.elements.link.value.trim()); } },
    h("label", { for: "link" }, "或输入二维码里的内容"), h("input", { type: "text", id: "link", name: "link", placeholder: "https://…", autocomplete: "off" }),
    h("div", { class: "two" }, h("button", { class: "button" }, "识别")));
  return [box, h("div", { class: "two" }, h("button", { class: "button plain", type: "button", onclick: () => file.click() }, "相册"),
    h("button", { class: "button plain", type: "button", onclick: () => fromScreen().then(take, () => toast("没有选择屏幕")) }, "截取屏幕")), file, link];
}

export function scanScreen(phone) {
  const scan = async (text, how) => { if (!text) return; const outcome = await phone.act("scan", { text }); phone.follow(outcome && { ...outcome, how }); };
  return [bar("扫一扫", () => phone.go("discover")), h("main", { class: "body pad" }, scanner(scan))];
}
