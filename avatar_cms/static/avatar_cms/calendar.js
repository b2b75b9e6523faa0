/* The calendar's island: draws the grid from the page's data, and turns clicks and drags into the page's own dialogs.
   All times are wall times of the clinic: the grid's zone is the clinic's distance from UTC, and what is fetched
   carries no zone, so the browser's zone never matters. */
(() => {
  "use strict";
  const dialog = document.getElementById("cal-dialog");
  const holder = document.getElementById("cal-grid");
  const page = document.querySelector(".cal");
  const data = document.getElementById("cal-data") && JSON.parse(document.getElementById("cal-data").textContent);
  let grid = null;
  let current = ""; // The visit that the keys are at.
  let putBack = null; // Takes a dragged visit back to where it was.

  // -- dialogs

  const open = (url) => window.htmx.ajax("GET", url, { target: "#cal-dialog-body", swap: "innerHTML" });
  const withQuery = (url, query) => `${url}${url.includes("?") ? "&" : "?"}${new URLSearchParams(query)}`;

  document.body.addEventListener("calendar-dialog", () => {
    if (!dialog.open) dialog.showModal();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "cal-dialog-body" && !dialog.contains(document.activeElement?.closest("form"))) {
      dialog.querySelector("[data-first]")?.focus();
    }
  });
  document.body.addEventListener("visits-changed", () => {
    putBack = null;
    if (dialog.open) dialog.close();
    refresh();
  });
  dialog.addEventListener("close", () => {
    putBack?.();
    putBack = null;
    document.getElementById("cal-dialog-body").replaceChildren();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) return dialog.close();
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link.href);
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.querySelector(".dk-main[value]")?.click();
  });
  // What was undone may be a visit of this page.
  document.body.addEventListener("undone", () => window.htmx.trigger(document.body, "visits-changed"));
  // A refused form comes back with its reasons: it is shown, and not taken for a failure.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (xhr.status === 422 && dialog.contains(target)) {
      event.detail.shouldSwap = !xhr.getResponseHeader("HX-Reswap");
      event.detail.isError = false;
    }
  });

  // -- the grid

  const pad = (number) => String(number).padStart(2, "0");
  const wall = (date) =>
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
  const minutes = (event) => Math.round((event.end - event.start) / 60000);
  const column = (id) => (id && id !== "none" ? id : "");
  const clinic = () => new URLSearchParams(data.here.split("?")[1]).get("location") ?? "";

  async function visits() {
    const answer = await fetch(withQuery(data.feed, { start: data.start, end: data.end }), { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    const more = document.getElementById("cal-more");
    more.hidden = !found.more;
    more.textContent = found.more ? `Only the first ${found.shown} visits are shown: choose a filter or a shorter time.` : "";
    if (grid && grid.getOption("timeZone") !== found.offset) grid.setOption("timeZone", found.offset);
    return found.events;
  }

  function content({ event, timeText }) {
    const { sign, word, service, practitioner, room, clash, source, url, page: isPage, move, arrive } = event.extendedProps;
    if (event.display === "background") return { domNodes: [line(event.title ?? "")] };
    if (!sign) return isPage ? { domNodes: [link(event.title, url)] } : undefined;
    const name = link("", withQuery(url, { next: data.here }));
    const month = data.view === "dayGridMonth";
    const short = month || minutes(event) < 25;
    name.append(Object.assign(document.createElement("span"), { textContent: sign, ariaHidden: "true" }));
    name.append(` ${month ? `${timeText} ` : ""}${event.title}${clash ? " ⚠" : ""}${short && !month ? ` · ${timeText}` : ""}`);
    name.dataset.key = "Enter";
    name.dataset.keyLabel = "Open the visit";
    name.dataset.dialog = "";
    const nodes = [name, line([timeText, word, clash ? "two visits at once" : "", source ? "Wix" : ""].filter(Boolean).join(" · "))];
    if (short) nodes[1].className = "dk-hidden";
    if (!short && minutes(event) > 30) nodes.push(line([service, data.by === "practitioner" ? "" : practitioner].filter(Boolean).join(" · ")));
    name.title = [event.title, timeText, word, service, practitioner, room].filter(Boolean).join(" · ");
    if (move) nodes.push(press("m", "Move the visit", () => open(withQuery(move, { next: data.here }))));
    if (arrive) nodes.push(press("a", "Arrived", () => window.htmx.ajax("POST", arrive, { swap: "none", target: "#cal-dialog-body" })));
    return { domNodes: nodes };
  }

  function line(text) {
    return Object.assign(document.createElement("span"), { className: "cal-line", textContent: text });
  }

  function link(text, href) {
    return Object.assign(document.createElement("a"), { className: "cal-name", textContent: text, href, draggable: false });
  }

  // What a key presses: never seen, and no stop for the tab key.
  function press(key, label, act) {
    const button = Object.assign(document.createElement("button"), { type: "button", hidden: true, textContent: label });
    button.dataset.key = key;
    button.dataset.keyLabel = label;
    button.addEventListener("click", (event) => { event.stopPropagation(); act(); });
    return button;
  }

  function moved(info) {
    const { event, newResource, revert } = info;
    const { move } = event.extendedProps;
    if (data.by === "location" && newResource) {
      revert();
      return window.desk.say("A visit stays at its clinic. Book it anew at the other one.", { level: "bad" });
    }
    const query = { at: wall(event.start), minutes: minutes(event), next: data.here };
    if (newResource && (data.by === "practitioner" || data.by === "room")) query[data.by] = column(newResource.id);
    putBack = revert;
    open(withQuery(move, query)).catch(() => { putBack?.(); putBack = null; });
  }

  function clicked(info) {
    if (info.allDay) return (location.href = `?${new URLSearchParams({ view: "day", date: wall(info.date).slice(0, 10), location: clinic() })}`);
    if (!data.new) return;
    const query = { at: wall(info.date), next: data.here };
    if (info.resource && data.by === "location") query.location = info.resource.id;
    else if (data.by === "practitioner" || data.by === "room") query[data.by] = column(info.resource?.id);
    if (!query.location && clinic() !== "all") query.location = clinic();
    open(withQuery(data.new, query));
  }

  function draw() {
    if (!holder) return;
    const wide = window.matchMedia("(min-width: 768px)").matches;
    // A month's seven columns have no room for words on a phone: its days stay a list there.
    const chosen = page.classList.contains("cal-chosen") && data.view !== "dayGridMonth";
    if (!(wide || chosen)) return;
    holder.hidden = false;
    page.classList.add("cal-drawn");
    grid = window.EventCalendar.create(holder, {
      view: data.view,
      date: data.date,
      timeZone: data.offset,
      headerToolbar: { start: "", center: "", end: "" },
      locale: "en-AU",
      firstDay: 1,
      height: data.view === "dayGridMonth" ? "auto" : "calc(100vh - 260px)",
      allDaySlot: false,
      nowIndicator: true,
      pointer: Boolean(data.new),
      slotDuration: "00:15",
      slotLabelInterval: "01:00",
      slotHeight: 26,
      slotMinTime: data.opens,
      slotMaxTime: data.closes,
      flexibleSlotTimeLimits: true,
      slotEventOverlap: false,
      scrollTime: data.scroll,
      columnWidth: data.columns.length > 1 && data.view === "resourceTimeGridWeek" ? "110px" : undefined,
      slotLabelFormat: (time) => `${pad(time.getHours())}:${pad(time.getMinutes())}`,
      eventTimeFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
      dayHeaderFormat: data.view === "dayGridMonth" ? { weekday: "short" } : { weekday: "short", day: "numeric", month: "short" },
      eventOrder: (one, other) => Number(Boolean(one.extendedProps.page)) - Number(Boolean(other.extendedProps.page)) || one.start - other.start,
      resources: data.columns,
      eventSources: [{ events: visits }],
      lazyFetching: false,
      eventContent: content,
      eventDidMount: ({ el, event }) => {
        if (event.display === "background" || !event.extendedProps.sign) return;
        el.dataset.row = "";
        el.dataset.visit = event.id;
        // Fetched again, a visit is a new element: the keys stay where they were.
        if (event.id === current) el.classList.add("dk-current");
      },
      eventClick: ({ event, jsEvent }) => {
        // The library takes Enter for a click too: the page's keys press the link already.
        if (jsEvent.type === "keydown" || jsEvent.target.closest("a[data-dialog]")) return;
        const { url, page: isPage } = event.extendedProps;
        if (isPage) location.href = url;
        else if (url) open(withQuery(url, { next: data.here }));
      },
      dateClick: clicked,
      eventDrop: moved,
      eventResize: moved,
      eventDragMinDistance: 5,
    });
  }

  // The library calls its grid a table, without rows that hold its cells, and a visit a button, around our link: readers
  // are told neither. What is left are the links, each with its visit's name, time and state.
  function tellReaders() {
    const plain = () => {
      holder.querySelectorAll("[role], [aria-colindex], [aria-rowindex]").forEach((element) => {
        ["role", "aria-colindex", "aria-rowindex"].forEach((name) => element.removeAttribute(name));
      });
      // A day without visits has nothing else to take the keys that scroll it.
      holder.querySelectorAll("section:not([tabindex])").forEach((section) => {
        section.tabIndex = 0;
        section.setAttribute("aria-label", "Diary");
      });
      holder.querySelectorAll(".ec-event[tabindex='0']").forEach((element) => element.removeAttribute("tabindex"));
    };
    plain();
    new MutationObserver(plain).observe(holder, { subtree: true, childList: true, attributes: true, attributeFilter: ["role", "tabindex", "aria-colindex", "aria-rowindex"] });
  }

  document.addEventListener("keyup", () => {
    current = holder?.querySelector(".dk-current")?.dataset.visit ?? current;
  });

  function refresh() {
    grid?.refetchEvents();
  }

  const filters = document.querySelector(".cal-filters");
  if (filters) {
    filters.closest("details").open = window.matchMedia("(min-width: 768px)").matches;
    filters.querySelector("button").hidden = true;
    filters.addEventListener("change", () => filters.requestSubmit());
  }
  draw();
  if (grid) tellReaders();
  setInterval(() => { if (!document.hidden && !dialog.open) refresh(); }, 30000);
})();
