/* The on-screen phones: a sent answer leaves the field, and a planned list that was opened stays open when the screen is fetched again. */
(() => {
  "use strict";
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.target.matches("form[data-reset]")) event.target.reset();
  });
  const open = new WeakMap();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const planned = event.detail.target.querySelector?.(".av-coming");
    if (planned) open.set(event.detail.target, planned.open);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const planned = event.detail.target.querySelector?.(".av-coming");
    if (planned && open.get(event.detail.target)) planned.open = true;
  });
})();
