/* Today: rows stay true without moving under the hand. What is here is only quicker ways to press what the page offers. */
(() => {
  "use strict";
  const list = () => document.getElementById("td-list");
  const field = (element) => element?.matches?.("input:not([type=checkbox]), textarea, select");
  const typedIn = (row) =>
    [...row.querySelectorAll("input:not([type=hidden]):not([type=checkbox]), textarea")].some((one) => one.value !== one.defaultValue);
  const inHand = (row) =>
    (row.contains(document.activeElement) && field(document.activeElement)) ||
    typedIn(row) || row.querySelector("details[open], .td-panel > *, .td-pick input:checked");

  // -- what others did: swap what nobody has in hand, take rows out only when nothing moves under the pointer

  const held = () => {
    const rows = list();
    return rows && (rows.matches(":hover") || field(document.activeElement) && rows.contains(document.activeElement));
  };

  function sweep() {
    if (!held()) document.querySelectorAll("#td-list .td-gone").forEach((row) => { if (!typedIn(row)) row.remove(); });
  }

  function leave(row, why) {
    if (row.classList.contains("td-gone")) return;
    row.classList.add("td-gone");
    row.querySelector(".td-seen")?.remove();
    const said = Object.assign(document.createElement("p"), { className: "td-notes td-held", textContent: why });
    said.setAttribute("role", "status");
    row.append(said);
  }

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id?.startsWith("card-") && target.contains(document.activeElement)) { event.detail.shouldSwap = false; return; }
    if (!target.classList?.contains("td-row")) return;
    const gone = fragment.dataset?.gone ?? fragment.querySelector?.("[data-gone]")?.dataset.gone;
    if (gone !== undefined) {
      if (!held() && !inHand(target)) return;
      event.detail.shouldSwap = false;
      leave(target, gone);
    } else if (inHand(target)) {
      event.detail.shouldSwap = false;
    } else if (target.classList.contains("dk-current")) {
      const { id } = target, focused = target.contains(document.activeElement);
      setTimeout(() => {
        const row = document.getElementById(id);
        row?.classList.add("dk-current");
        if (focused) row?.focus({ preventScroll: true });
      });
    }
  });
  document.addEventListener("htmx:afterSettle", sweep);
  document.addEventListener("mouseout", (event) => {
    if (list()?.contains(event.target) && !list().contains(event.relatedTarget)) setTimeout(sweep);
  });

  // What is sent from a field gives the keys back to the row; a refusal gives the field back, with what stands in it.
  let left = null;
  document.addEventListener("htmx:beforeRequest", (event) => {
    const active = document.activeElement;
    left = event.detail.elt.matches("form") && field(active) && event.detail.elt.contains(active) ? active : null;
    left?.blur();
  });
  document.addEventListener("htmx:responseError", (event) => {
    left?.focus();
    if (event.detail.target?.closest?.(".td-row")) window.htmx.trigger("[data-poll]", "look");
  });

  // A poll asks for nothing while the page is not looked at, nor while a card of the board is in hand.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig } = event.detail;
    if (elt.matches("[data-poll]") && document.hidden) event.preventDefault();
    if (elt.matches("[data-board]") && requestConfig.verb === "get" && requestConfig.triggeringEvent?.type !== "undone" &&
        (document.hidden || elt.querySelector(".td-dragged, details[open]") || (elt.contains(document.activeElement) && document.activeElement !== elt)))
      event.preventDefault();
  });

  // -- whoever dials or writes has the row

  function claim(row) {
    if (!row?.dataset.claim || row.dataset.mine !== undefined || row.dataset.asked) return;
    row.dataset.asked = "1";
    // Not in the row's name: what is sent from the row meanwhile would be dropped.
    return window.htmx.ajax("POST", row.dataset.claim, { source: document.body, target: row, swap: "none", values: here() });
  }
  const here = () => ({ next: location.pathname + location.search });
  document.addEventListener("click", (event) => {
    const dial = event.target.closest("[data-dial]");
    if (dial) {
      const row = dial.closest(".td-row");
      if (row.dataset.mine === undefined) window.htmx.ajax("POST", row.dataset.claim, { source: row, target: row, swap: "outerHTML", values: here() });
    }
    const focus = event.target.closest("[data-focus]");
    if (focus && event.target === focus) focus.querySelector("button")?.focus();
    if (event.target.closest("[data-shut]")) {
      const row = event.target.closest(".td-row");
      event.target.closest(".td-panel").replaceChildren();
      row.focus({ preventScroll: true });
    }
    if (event.target.closest("[data-undo]")) {
      const offered = [...document.querySelectorAll("#dk-said button")].filter((button) => button.textContent === "Undo");
      if (offered.length) offered.at(-1).click();
      else window.desk.say("There is nothing to undo here. “What was done” has it all.");
    }
    document.querySelectorAll(".td-menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches(".td-reply textarea, .td-ask textarea")) claim(event.target.closest(".td-row"));
  });

  // -- menus, choices, selection

  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.(".td-menu") && event.target.open) event.target.querySelector("button")?.focus();
  }, true);
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.(".td-menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) event.target.form?.requestSubmit();
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.matches("select") && target.form?.matches("[data-at-once]")) target.form.requestSubmit();
    if (target.matches("[name=task]")) {
      const count = document.querySelectorAll("#td-list [name=task]:checked").length;
      const words = document.querySelector("[data-picked]");
      if (words) words.textContent = `${count} selected:`;
    }
  });

  // -- the board: a card dropped in a column presses the card's button

  let dragged = null;
  const columnOf = (event) => event.target.closest?.("[data-column]");
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-board] .td-row[draggable]");
    if (!dragged) return;
    dragged.classList.add("td-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.id);
  });
  document.addEventListener("dragover", (event) => {
    const column = columnOf(event);
    if (!dragged || !column) return;
    event.preventDefault();
    document.querySelectorAll(".td-over").forEach((one) => one.classList.toggle("td-over", one === column));
    column.classList.add("td-over");
  });
  document.addEventListener("dragend", () => {
    dragged?.classList.remove("td-dragged");
    document.querySelectorAll(".td-over").forEach((one) => one.classList.remove("td-over"));
    dragged = null;
  });
  document.addEventListener("drop", (event) => {
    const to = columnOf(event)?.dataset.column, card = dragged;
    if (!card || !to) return;
    event.preventDefault();
    const from = card.dataset.status;
    if (from === to) return;
    if (to === "completed" && card.dataset.call !== undefined) {
      window.desk.say("Say how the call went.");
      const menu = card.querySelector("[data-finish]");
      setTimeout(() => { menu.open = true; });
      return;
    }
    const act = (name) => `${card.dataset.acts}${name}/`;
    const url = act({ todo: from === "completed" ? "reopen" : "release", in_progress: "start", completed: "done" }[to]);
    const board = document.getElementById("td-board");
    const begin = from === "completed" && to === "in_progress"
      ? window.htmx.ajax("POST", act("reopen"), { source: board, target: "#td-board", swap: "none", values: here() })
      : Promise.resolve();
    begin.then(() => window.htmx.ajax("POST", url, { source: "#td-board", target: "#td-board", swap: "outerHTML", values: here() }));
  });
})();
