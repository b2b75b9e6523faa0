/* What every page of the desk shares: htmx with CSRF, words said after an act, keys, and nothing lost when the network is weak.

   Keys: an element with data-keys holds rows (data-row). j and k walk the rows, Enter presses the row's [data-key=Enter];
   any other key presses the current row's element with that data-key, or else the page's element with that data-page-key.
   data-key-label says what it does in the list that ? opens. */
(() => {
  "use strict";
  const typing = (target) => target.closest?.("input, textarea, select, [contenteditable=true]");

  // -- words

  function say(text, { level = "good", undo = "", seconds = 8 } = {}) {
    let place = document.getElementById("dk-said");
    if (!place) {
      place = Object.assign(document.createElement("div"), { id: "dk-said", className: "dk-said" });
      place.setAttribute("role", "status");
      place.setAttribute("aria-live", "polite");
      document.body.append(place);
    }
    const line = document.createElement("div");
    line.className = level === "bad" ? "dk-bad" : "dk-good";
    line.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (undo) {
      const button = Object.assign(document.createElement("button"), { className: "dk-button", textContent: "Undo", type: "button" });
      button.addEventListener("click", () => {
        line.remove();
        window.htmx.ajax("POST", undo, { swap: "none" });
      });
      line.append(button);
    }
    place.append(line);
    if (level !== "bad") setTimeout(() => line.remove(), (undo ? 20 : seconds) * 1000);
    else line.append(closer(line));
  }

  function closer(line) {
    const button = Object.assign(document.createElement("button"), { className: "dk-button", textContent: "Close", type: "button" });
    button.addEventListener("click", () => line.remove());
    return button;
  }

  // -- htmx

  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector("meta[name=csrf-token]")?.content;
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
  });
  document.addEventListener("said", (event) => say(event.detail.text, event.detail));
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.verb !== "get") say("The clinic's system could not be reached. What you typed is still here: try again.", { level: "bad" });
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (event.detail.xhr.getResponseHeader("HX-Trigger")?.includes('"said"')) return;
    if (event.detail.requestConfig.verb === "get" && status < 500) return;
    const words = { 403: "You may not do that.", 404: "That is no longer here.", 429: "That was too often. Wait a moment." };
    say(words[status] ?? "That did not work. Nothing was changed: try again.", { level: "bad" });
  });

  // A browser finds no click on what was drawn anew between press and release: answers wait for the pointer to go up.
  const PRESSED = "a, button, summary, label, input, select, [draggable=true], [data-row]";
  const answers = [];
  let pressing = false;
  const release = () => setTimeout(() => {
    pressing = false;
    answers.splice(0).forEach((answer) => answer());
  });
  document.addEventListener("pointerdown", (event) => { pressing = event.button === 0 && Boolean(event.target.closest?.(PRESSED)); }, true);
  ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, release, true));
  window.addEventListener("blur", release);
  // Of some releases, as beside the window, nothing is heard but that the button is up later.
  document.addEventListener("pointermove", (event) => { if (pressing && !(event.buttons & 1)) release(); }, true);
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    const { elt, xhr } = detail;
    const answer = xhr.onload.bind(xhr);
    xhr.onload = () => {
      if (pressing) return answers.push(xhr.onload);
      if (!elt.isConnected) hear(detail);
      answer();
    };
  });

  // Who asked may have been drawn anew meanwhile, and nobody hears events of what is gone: the page is told instead.
  function hear(detail) {
    const { xhr } = detail;
    const tell = (name, said) => document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail: said }));
    Object.entries(JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}")).forEach(([name, said]) => tell(name, said));
    if (xhr.status >= 400) tell("htmx:responseError", detail);
  }

  // -- keys

  const rows = () => [...document.querySelectorAll("[data-keys] [data-row]")].filter((row) => row.offsetParent !== null);
  const current = () => document.querySelector("[data-keys] [data-row].dk-current");

  function walk(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(current());
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    all.forEach((row) => row.classList.toggle("dk-current", row === next));
    if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function press(key) {
    const quoted = CSS.escape(key);
    const target =
      current()?.querySelector(`[data-key="${quoted}"]`) ??
      document.querySelector(`[data-page-key="${quoted}"]:not([data-find])`) ??
      // A list's own search, drawn by the theme, has this key for itself.
      (document.getElementById("searchbar") ? null : document.querySelector(`[data-find][data-page-key="${quoted}"]`));
    if (!target) return false;
    if (target.matches("input:not([type=submit]), select, textarea")) target.focus();
    else target.click();
    return true;
  }

  function help() {
    document.getElementById("dk-keys")?.remove();
    const known = new Map([["j", "Next row"], ["k", "Row before"], ["Ctrl K", "Search everything"], ["?", "This list"]]);
    if (!rows().length) ["j", "k"].forEach((key) => known.delete(key));
    document.querySelectorAll("[data-key], [data-page-key]:not([data-find]), [data-find]").forEach((element) => {
      const key = element.dataset.key ?? element.dataset.pageKey;
      if (!known.has(key)) known.set(key, element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent.trim());
    });
    const dialog = Object.assign(document.createElement("dialog"), { id: "dk-keys", className: "dk-dialog" });
    dialog.setAttribute("aria-labelledby", "dk-keys-title");
    const list = document.createElement("ul");
    known.forEach((label, key) => {
      const line = document.createElement("li");
      line.append(Object.assign(document.createElement("kbd"), { textContent: key }), ` ${label}`);
      list.append(line);
    });
    const close = Object.assign(document.createElement("button"), { className: "dk-button", textContent: "Close", type: "button" });
    close.addEventListener("click", () => dialog.close());
    dialog.append(Object.assign(document.createElement("h2"), { id: "dk-keys-title", textContent: "Keys" }), list, close);
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const done =
      event.key === "?" ? (help(), true) : event.key === "j" && rows().length ? (walk(1), true) : event.key === "k" && rows().length ? (walk(-1), true) : press(event.key);
    if (done) event.preventDefault();
  });

  // A row that was acted on is swapped or gone: the next one becomes current, so that keys go on where they were.
  let place = -1;
  document.addEventListener("htmx:beforeSwap", () => { place = rows().indexOf(current()); });
  document.addEventListener("htmx:afterSettle", () => {
    if (place < 0 || current()) return;
    const next = rows()[Math.min(place, rows().length - 1)];
    next?.classList.add("dk-current");
  });

  // The theme's search fields are read out by their label, not only by what is chosen in them.
  function nameFields() {
    document.querySelectorAll("select.select2-hidden-accessible").forEach((select) => {
      const label = select.labels?.[0];
      const field = select.nextElementSibling?.querySelector?.(".select2-selection");
      if (!label || !field) return;
      label.id ||= `label-${select.id}`;
      const shown = field.querySelector(".select2-selection__rendered");
      shown?.setAttribute("aria-labelledby", label.id);
      field.setAttribute("aria-labelledby", `${label.id} ${shown?.id ?? ""}`.trim());
    });
  }
  // The theme makes them when the page is loaded: they are there one turn later.
  window.addEventListener("load", () => setTimeout(nameFields));

  window.desk = { say, walk };
})();
