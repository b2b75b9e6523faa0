/* The inbox's live parts: what the server is told when it is asked for news, and what stays where it is when they come. */
(() => {
  "use strict";
  const state = () => document.getElementById("ib-state");
  const title = document.title;

  // Whether somebody looks, and is writing: others who have the conversation open are told.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "ib-live") return;
    event.detail.parameters.set?.("visible", document.hidden ? "0" : "1");
    const box = document.querySelector("#ib-thread .cp-body");
    event.detail.parameters.set?.("typing", box?.value.trim() && document.activeElement === box ? "1" : "0");
  });

  // A conversation that was opened while an answer to the last question was under way: that answer is about another one.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "ib-live") event.detail.elt.dataset.asked = state().elements.talk.value;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig;
    if (elt.id === "ib-live" && elt.dataset.asked !== state().elements.talk.value) event.preventDefault();
  });

  // The list is drawn anew: the row one stood on stays the current one, and no row stands there twice.
  let current = "";
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target?.id === "ib-first") current = document.querySelector("#ib-first .dk-current")?.id ?? "";
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.id === "ib-first" || event.detail.elt?.id === "ib-first") {
      if (current) document.getElementById(current)?.classList.add("dk-current");
      const seen = new Set();
      document.querySelectorAll("#ib-heap .ib-line").forEach((row) => (seen.has(row.id) ? row.remove() : seen.add(row.id)));
    }
    count();
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    count();
    if (event.detail.target?.id !== "ib-thread") return;
    mark();
    if (!window.matchMedia("(min-width: 1024px)").matches) document.getElementById("ib-thread").scrollIntoView();
  });

  // Keys go to the open conversation. Reading it can take its row out of the list: its neighbour is not meant then.
  function mark() {
    document.querySelectorAll("#ib-heap .dk-current").forEach((row) => row.classList.remove("dk-current"));
    document.getElementById(`ib-row-${state().elements.talk.value}`)?.classList.add("dk-current");
  }
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "ib-thread") mark(); });

  // How much is unread stands in the tab's title and beside the way to the inbox.
  function count() {
    const unread = Number(state()?.dataset.unread ?? 0);
    document.title = unread ? `(${unread > 99 ? "99+" : unread}) ${title}` : title;
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) window.htmx?.trigger("#ib-live", "refresh"); });
  count();
})();
