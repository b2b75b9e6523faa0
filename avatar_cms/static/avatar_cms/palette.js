/* The search over everything, on every page: Ctrl K opens it, arrows walk what is found, Enter opens it. The focus stays
   in the field; the option one is at is told by aria-activedescendant. */
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  const dialog = document.getElementById("dk-find");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = document.getElementById("dk-found");
  let shownFor = null; // What the options on the screen were found for.
  let wanted = false; // Enter was pressed before they came.

  const options = () => [...list.querySelectorAll("[role=option]")];
  const current = () => list.querySelector("[aria-selected=true]");

  function choose(option) {
    options().forEach((one) => one.setAttribute("aria-selected", String(one === option)));
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function walk(step) {
    const all = options();
    if (all.length) choose(all[(all.indexOf(current()) + step + all.length) % all.length]);
  }

  function open() {
    if (dialog.open) return input.select();
    dialog.showModal();
    input.select();
    window.htmx.trigger(input, "find-opened");
  }

  function go(newTab) {
    const option = current();
    if (!option) return;
    if (newTab) return window.open(option.href, "_blank", "noopener");
    dialog.close();
    location.href = option.href;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-find]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) walk(steps[event.key]);
    else if (event.key === "Enter" && !event.isComposing) {
      if (shownFor === input.value) go(event.ctrlKey || event.metaKey);
      else wanted = true;
    } else return;
    event.preventDefault();
  });
  input.addEventListener("input", () => { wanted = false; });
  list.addEventListener("mousemove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== current()) choose(option);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => { wanted = false; });
  // An answer to what was typed before is none to what is typed now.
  list.addEventListener("htmx:afterSwap", () => {
    shownFor = list.querySelector("[data-text]")?.dataset.text.trim() === input.value.trim().replace(/\s+/g, " ").slice(0, 100) ? input.value : null;
    choose(options()[0]);
    if (wanted && shownFor !== null) go(false);
  });
});
