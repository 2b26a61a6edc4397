/* Passkeys: made on one's own page, used at the log-in. WebAuthn speaks in bytes, our API in base64url. */
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** What a browser's credential holds, as JSON text. */
function written(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text64(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: text64(credential.rawId), type, response, clientExtensionResults: {} });
}

/** Ask the browser; what goes wrong there is said in one sentence. */
async function asked(how, options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (options.user) publicKey.user = { ...options.user, id: bytes(options.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    publicKey[list] = (options[list] || []).map((one) => ({ ...one, id: bytes(one.id) }));
  }
  try {
    return written(await navigator.credentials[how]({ publicKey }));
  } catch (error) {
    const why = {
      NotAllowedError: "没有完成验证：已取消，或已超时。请重试。",
      InvalidStateError: "这台设备上已有这个账号的通行密钥，不需要再添加。",
      SecurityError: "这个网址不能使用通行密钥，请用正式网址打开。",
    }[error.name];
    throw Object.assign(new Error(why || "这个浏览器没能使用通行密钥，请换一种方式。"), { problem: {} });
  }
}

async function logInByPasskey(button) {
  const form = document.querySelector("[data-login]");
  const place = document.getElementById("said");
  button.disabled = true;
  place.replaceChildren();
  try {
    const { ticket, options } = await api("POST", "/session/passkey-offer", {});
    const credential = await asked("get", JSON.parse(options));
    enter(await api("POST", "/session/passkey", { ticket, credential }), form);
  } catch (error) {
    say(place, error.message);
    button.disabled = false;
  }
}

async function addPasskey(form) {
  if (!looksRight(form)) return;
  const place = form.querySelector(".said");
  const button = form.querySelector('[type="submit"]');
  place.replaceChildren();
  button.disabled = true;
  try {
    const { ticket, options } = await api("POST", "/passkeys/offer", { password: form.password.value });
    const credential = await asked("create", JSON.parse(options));
    const data = await api("POST", "/passkeys", { ticket, credential, label: form.label.value });
    sayLater("通行密钥已添加。");
    showResult("recovery", data);
  } catch (error) {
    if (!error.isOver) showProblem(form, place, error);
  } finally {
    button.disabled = false;
  }
}

/** In place of a code: the answer goes into the form's hidden fields, and with the form to the API. */
async function provePasskey(button) {
  const form = button.form;
  const place = form.querySelector(".said");
  button.disabled = true;
  place.replaceChildren();
  try {
    const { ticket, options } = await api("POST", "/session/passkey-offer", {});
    form.passkey.value = await asked("get", JSON.parse(options));
    form.passkey_ticket.value = ticket;
    form.otp.required = false;
    form.otp.value = "";
    form.querySelector("[data-passkey-said]").textContent = "已用通行密钥验证，请点“建立”。";
  } catch (error) {
    if (!error.isOver) say(place, error.message);
  } finally {
    button.disabled = false;
  }
}

const can = "PublicKeyCredential" in window;
for (const one of document.querySelectorAll("[data-passkey-origin]")) {
  const isHere = one.dataset.passkeyOrigin === location.origin;
  one.hidden = !(can && isHere);
  const hint = document.getElementById("passkey-elsewhere");
  if (hint) hint.hidden = isHere && can;
}
document.getElementById("passkey-log-in")?.addEventListener("click", (event) => logInByPasskey(event.currentTarget));
document.querySelector("[data-passkey-proof]")?.addEventListener("click", (event) => provePasskey(event.currentTarget));
document.querySelector("[data-passkey-new]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  addPasskey(event.currentTarget);
});
