/* The composer on a weak network: nothing is lost, and nothing goes out twice.

   What is typed is kept in this tab (sessionStorage) with the key that the box was made with, until the server said
   that it has the text. A text that was sent without an answer is sent again under the same key, which the server knows. */
(() => {
  "use strict";
  if (window.deskComposer) return;
  window.deskComposer = true;

  const FIELDS = ["key", "body", "filled", "purpose", "at"];
  const LOST = "Not sent, or nobody said so. Your text is still here: try again. It cannot go out twice.";
  const OUT = "You were signed out. Your text is kept: sign in again in another tab, then try again.";
  const place = (form) => `draft:${form.dataset.draft}`;
  const composer = (element) => element?.closest?.(".dk-composer");

  function keep(form) {
    const draft = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));
    try {
      if (draft.body.trim()) sessionStorage.setItem(place(form), JSON.stringify(draft));
      else sessionStorage.removeItem(place(form));
    } catch { /* A full or forbidden store: the text still stands in the box. */ }
  }

  function bringBack(form) {
    if (form.dataset.ready) return;
    form.dataset.ready = "1";
    if (form.hasAttribute("data-sent")) return sessionStorage.removeItem(place(form));
    const draft = JSON.parse(sessionStorage.getItem(place(form)) ?? "null");
    if (!draft || form.elements.body.value.trim()) return;
    FIELDS.forEach((name) => { if (draft[name]) form.elements[name].value = draft[name]; });
    if (draft.at || draft.purpose !== "service") form.querySelector(".cp-more").open = true;
  }

  const all = () => document.querySelectorAll(".dk-composer").forEach(bringBack);

  function state(form, text) {
    const box = form.querySelector(".cp-state");
    box.replaceChildren();
    if (text) box.append(Object.assign(document.createElement("p"), { className: "dk-note dk-bad", textContent: text }));
    const button = form.querySelector(".cp-send");
    button.textContent = text ? "Try again" : "Send";
  }

  function busy(form, on) {
    form.toggleAttribute("data-sending", on);
    form.elements.body.readOnly = on;
    const button = form.querySelector(".cp-send");
    button.setAttribute("aria-disabled", String(on));
    if (on) button.textContent = "Sending…";
  }

  // Whether this request is the sending itself, or the template put in: both swap the whole box.
  const ours = (event) => {
    const form = composer(event.detail.elt);
    return form && (event.detail.elt === form || event.detail.elt.name === "template") ? form : null;
  };

  document.addEventListener("input", (event) => {
    const form = composer(event.target);
    if (form) keep(form);
  });

  document.addEventListener("keydown", (event) => {
    const form = composer(event.target);
    if (!form || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector(".cp-send"));
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = ours(event);
    if (!form) return;
    keep(form);
    state(form, "");
    busy(form, true);
  });

  // A refusal (422) is the box again with the reason. What is no box at all is the log-in page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const form = ours(event);
    if (!form) return;
    const { xhr } = event.detail;
    const isBox = xhr.responseText.includes('class="dk-composer"');
    if (xhr.status === 422 && isBox) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    } else if (xhr.status === 200 && !isBox) {
      event.detail.shouldSwap = false;
      busy(form, false);
      state(form, OUT);
    }
  });

  ["htmx:sendError", "htmx:timeout", "htmx:responseError", "htmx:sendAbort"].forEach((name) =>
    document.addEventListener(name, (event) => {
      const form = ours(event);
      if (!form) return;
      busy(form, false);
      state(form, LOST);
    }));

  document.addEventListener("htmx:afterSwap", (event) => {
    const form = document.getElementById(event.detail.elt.id);
    all();
    if (!form?.matches?.(".dk-composer")) return;
    if (form.hasAttribute("data-sent")) document.dispatchEvent(new CustomEvent("composed", { detail: { contact: form.dataset.draft } }));
    else keep(form);
    form.elements.body.focus();
  });
  document.addEventListener("htmx:load", all);
  all();
})();
