/* The board by mouse: a dropped card fills in and sends its own form. What may not be is said by the server. */
(() => {
  "use strict";
  let dragged = null;
  const column = (element) => element.closest?.(".bd-column");
  const home = new WeakMap();

  function mark(card) {
    const allowed = new Set((card.dataset.targets ?? "").split(" "));
    const from = column(card);
    document.querySelectorAll(".bd-column").forEach((one) => {
      const may = one !== from && allowed.has(one.dataset.place);
      one.classList.toggle("bd-yes", may);
      one.classList.toggle("bd-no", one !== from && !may);
      one.querySelector(".bd-no-words").textContent = may ? "" : `Not from ${from.dataset.label}`;
    });
  }

  function clear() {
    document.querySelectorAll(".bd-column").forEach((one) => one.classList.remove("bd-yes", "bd-no", "bd-over"));
    dragged?.classList.remove("bd-dragged");
    dragged = null;
  }

  function put(card, target) {
    home.set(card, { parent: card.parentElement, next: card.nextElementSibling });
    target.querySelector(".bd-cards").prepend(card);
  }

  function back(card) {
    const was = home.get(card);
    if (!was) return;
    home.delete(card);
    was.parent.insertBefore(card, was.next?.parentElement === was.parent ? was.next : null);
  }

  async function ask(label) {
    const dialog = document.getElementById("bd-why");
    const words = dialog.querySelector("textarea");
    words.value = "";
    document.getElementById("bd-why-what").textContent = `Moving somebody to “${label}” needs a reason.`;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
    return dialog.returnValue === "move" ? words.value.trim() : "";
  }

  async function drop(card, target) {
    const url = card.querySelector(".bd-move form")?.getAttribute("hx-post");
    if (!url || column(card) === target) return;
    const place = target.dataset.place;
    const may = card.dataset.targets.split(" ").includes(place);
    put(card, target);
    const reason = may && "why" in target.dataset ? await ask(target.dataset.label) : "";
    if (may && "why" in target.dataset && !reason) return back(card);
    const values = { ...Object.fromEntries(new FormData(document.getElementById("bd-filter"))), target: place, reason };
    window.htmx.ajax("POST", url, { source: card, swap: "none", values });
  }

  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.(".bd-card[draggable=true]");
    if (!card) return;
    dragged = card;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    card.classList.add("bd-dragged");
    mark(card);
  });
  document.addEventListener("dragover", (event) => {
    const over = dragged && column(event.target);
    if (!over) return;
    event.preventDefault();
    document.querySelectorAll(".bd-over").forEach((one) => one.classList.toggle("bd-over", one === over));
    over.classList.add("bd-over");
  });
  document.addEventListener("drop", (event) => {
    const target = dragged && column(event.target);
    if (!target) return;
    event.preventDefault();
    const card = dragged;
    clear();
    drop(card, target);
  });
  document.addEventListener("dragend", clear);

  // Near its left or right edge the board goes on under a card that is dragged, faster the nearer.
  const EDGE = 72;
  let pull = 0;
  let going = 0;
  function edge(event) {
    const board = document.getElementById("bd-columns");
    const box = board?.getBoundingClientRect();
    if (!dragged || !box || event.clientY < box.top || event.clientY > box.bottom) return void (pull = 0);
    const left = Math.max(box.left, 0);
    const right = Math.min(box.right, window.innerWidth);
    const near = event.clientX < left + EDGE ? event.clientX - left - EDGE : event.clientX > right - EDGE ? event.clientX - right + EDGE : 0;
    pull = Math.max(-1, Math.min(1, near / EDGE)) * 18;
    if (pull && !going) going = requestAnimationFrame(glide);
  }
  function glide() {
    going = 0;
    const board = document.getElementById("bd-columns");
    if (!dragged || !pull || !board) return board?.style.removeProperty("scroll-snap-type");
    // Snapping to a column would take back each small step.
    board.style.scrollSnapType = "none";
    board.scrollLeft += pull;
    going = requestAnimationFrame(glide);
  }
  document.addEventListener("dragover", edge);
  document.addEventListener("dragend", () => { pull = 0; });

  document.addEventListener("htmx:afterRequest", (event) => {
    const card = event.target.closest?.(".bd-card");
    if (card && !event.detail.successful) back(card);
  });

  // Keys: h and l go to the column before and after; opening a card's form leads into it.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !"hl".includes(event.key)) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    const all = [...document.querySelectorAll(".bd-column")].filter((one) => one.querySelector("[data-row]"));
    const current = document.querySelector("[data-row].dk-current");
    const at = current ? all.indexOf(column(current)) : -1;
    const next = all[Math.min(all.length - 1, Math.max(0, at + (event.key === "l" ? 1 : -1)))]?.querySelector("[data-row]");
    if (!next) return;
    event.preventDefault();
    current?.classList.remove("dk-current");
    next.classList.add("dk-current");
    next.tabIndex = -1;
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches?.(".bd-move")) event.target.querySelector("select").focus();
  }, true);
})();
