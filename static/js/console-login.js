/* The log-in page: user name and password, the second factor, the picture to read. */
"use strict";

/** Go on after a log-in, whichever way it was. */
function enter(data, form) {
  location.href = data.staff.must_change_password ? "/console/password" : form.dataset.next;
}

async function logIn(form) {
  const place = document.getElementById("said");
  const button = form.querySelector('[type="submit"]');
  button.disabled = true;
  try {
    const body = { username: form.username.value, password: form.password.value };
    if (form.otp.value) body.otp = form.otp.value;
    if (form.captcha.value) Object.assign(body, { captcha_id: form.captcha_id.value, captcha: form.captcha.value });
    const data = await api("POST", "/session", body);
    enter(data, form);
  } catch (error) {
    button.disabled = false;
    const asks = ["otp_required", "passkey_required", "otp_wrong"].includes(error.problem.code);
    document.getElementById("otp-field").hidden = !asks;
    say(place, error.message, ["otp_required", "passkey_required", "captcha_required"].includes(error.problem.code) ? "wait" : "bad");
    if (["captcha_required", "captcha_wrong"].includes(error.problem.code)) return showPicture(form, place);
    document.getElementById("captcha-field").hidden = true;
    form.captcha.value = "";
    (asks ? form.otp : form.password).select();
  }
}

/** A picture to read, after many wrong tries at this account. */
async function showPicture(form, place) {
  try {
    const drawn = await api("POST", "/session/picture", {});
    form.captcha_id.value = drawn.captcha_id;
    document.getElementById("captcha-picture").src = drawn.image;
    document.getElementById("captcha-field").hidden = false;
    form.captcha.value = "";
    form.captcha.focus();
  } catch (error) {
    say(place, error.message);
  }
}

document.querySelector("[data-login]").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(event.currentTarget);
});
