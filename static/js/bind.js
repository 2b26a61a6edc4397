// The binding form: a keyboard that suits identity numbers, and a new picture without losing what was typed.
"use strict";

const number = document.querySelector("[data-id-number]");
if (number) {
  // Digits first; after the seventeenth a letter may come, so the keyboard changes.
  const suit = () => {
    const wanted = number.value.replace(/\s/g, "").length >= 17 ? "text" : "numeric";
    if (number.inputMode !== wanted) {
      number.inputMode = wanted;
      if (document.activeElement === number) {
        number.blur();
        number.focus();
      }
    }
  };
  number.inputMode = "numeric";
  number.addEventListener("input", suit);
  suit();
}

const picture = document.getElementById("captcha-picture");
const another = document.querySelector("[data-new-picture]");
if (picture && another) {
  another.addEventListener("click", (event) => {
    event.preventDefault();
    picture.src = `/h5/bind/picture?${Date.now()}`;
    const answer = document.getElementById("captcha");
    answer.value = "";
    answer.focus();
  });
}
