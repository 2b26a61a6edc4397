/* The printable list: its one button. */
"use strict";
document.querySelector("[data-print]").addEventListener("click", () => window.print());
