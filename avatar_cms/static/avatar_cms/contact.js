/* The page of one person: one thing is open at a time, and what is opened can be typed into at once. */
(() => {
  "use strict";
  const OPENS = ".ct-act, .ct-pop";

  document.addEventListener("toggle", (event) => {
    const opened = event.target;
    if (!opened.matches?.(OPENS) || !opened.open) return;
    document.querySelectorAll(OPENS).forEach((other) => { if (other !== opened) other.open = false; });
    opened.querySelector("select, input:not([type=hidden]), textarea")?.focus();
  }, true);

  document.addEventListener("click", (event) => {
    if (event.target.closest?.(OPENS)) return;
    document.querySelectorAll(OPENS).forEach((other) => { other.open = false; });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll(OPENS).forEach((open) => {
      if (!open.open) return;
      open.open = false;
      open.querySelector("summary")?.focus();
    });
  });

  // The composer stands on this page: the button leads there instead of to another page.
  document.addEventListener("click", (event) => {
    const text = event.target.closest?.('[data-act="text"]');
    const field = text && document.querySelector("#panel-messages textarea");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.scrollIntoView({ block: "center" });
  });
})();
