/* The page of a template: a placeholder goes where the cursor was, in the body or the subject, and the cursor behind it. */
(() => {
  "use strict";
  let last = null;
  const writable = (element) => element?.matches?.("#id_body, #id_subject");

  document.addEventListener("focusin", (event) => {
    if (writable(event.target)) last = event.target;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-insert]");
    const box = last ?? document.getElementById("id_body");
    if (!button || !box) return;
    box.setRangeText(button.dataset.insert, box.selectionStart, box.selectionEnd, "end");
    box.focus();
    // As if it had been typed: the preview follows, and leaving the page asks first.
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
