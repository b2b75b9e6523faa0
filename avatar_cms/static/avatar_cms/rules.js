/* The rule editor, on top of a form that works without it: long lists can be searched, parts dragged, and the sentence
   follows what is typed. The server draws every state of the form; nothing here knows what a rule is. */
(() => {
  "use strict";
  const form = () => document.getElementById("rule-editor");

  // -- searching long lists: a box to type in, in place of a select that keeps the value

  let boxes = 0;

  function combine(select) {
    if (select.dataset.combined || select.options.length < 8) return;
    select.dataset.combined = "1";
    const id = `ru-box-${++boxes}`;
    const wrap = Object.assign(document.createElement("span"), { className: "ru-combo" });
    const input = Object.assign(document.createElement("input"), { className: "dk-field", type: "text", id: `${id}-input`, autocomplete: "off" });
    const list = Object.assign(document.createElement("ul"), { id, hidden: true });
    list.setAttribute("role", "listbox");
    const label = select.getAttribute("aria-label") || select.labels?.[0]?.firstChild?.textContent.trim() || "Choose";
    list.setAttribute("aria-label", label);
    Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list", "aria-label": label }).forEach(([name, value]) => input.setAttribute(name, value));
    const said = () => (select.value ? select.selectedOptions[0]?.textContent : "");
    input.value = said();
    input.placeholder = select.options[0]?.value === "" ? select.options[0].textContent : "";
    let at = -1;
    let shown = [];

    function draw(term) {
      const wanted = term.trim().toLowerCase();
      list.replaceChildren();
      shown = [];
      let group = "";
      for (const option of select.options) {
        const words = option.parentElement.label ? `${option.parentElement.label} ${option.textContent}` : option.textContent;
        if (!option.value && wanted) continue;
        if (wanted && !`${words} ${option.value}`.toLowerCase().includes(wanted)) continue;
        const over = option.parentElement.label ?? "";
        if (over && over !== group) {
          const head = Object.assign(document.createElement("li"), { textContent: over });
          head.setAttribute("role", "presentation");
          list.append(head);
        }
        group = over;
        const line = Object.assign(document.createElement("li"), { textContent: option.textContent, id: `${id}-${shown.length}` });
        line.setAttribute("role", "option");
        line.addEventListener("mousedown", (event) => { event.preventDefault(); choose(option.value); });
        list.append(line);
        shown.push({ line, value: option.value });
      }
      if (!shown.length) list.append(Object.assign(document.createElement("li"), { textContent: "Nothing of that name.", role: "presentation" }));
      mark(wanted ? 0 : shown.findIndex((one) => one.value === select.value));
    }

    function mark(index) {
      at = Math.min(shown.length - 1, Math.max(-1, index));
      shown.forEach((one, i) => one.line.setAttribute("aria-selected", String(i === at)));
      if (at >= 0) {
        input.setAttribute("aria-activedescendant", shown[at].line.id);
        if (!list.hidden) shown[at].line.scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    }

    function open(term = "") {
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      draw(term);
    }

    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.value = said();
    }

    function choose(value) {
      const changed = select.value !== value;
      select.value = value;
      close();
      if (changed) select.dispatchEvent(new Event("change", { bubbles: true }));
    }

    input.addEventListener("focus", () => input.select());
    input.addEventListener("click", () => (list.hidden ? open() : undefined));
    input.addEventListener("input", (event) => { event.stopPropagation(); open(input.value); });
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) open();
        else mark(at + (event.key === "ArrowDown" ? 1 : -1));
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        if (at >= 0) choose(shown[at].value);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        close();
      }
    });
    select.before(wrap);
    wrap.append(input, list, select);
    select.hidden = true;
    select.tabIndex = -1;
    if (select.hasAttribute("autofocus")) {
      select.removeAttribute("autofocus");
      input.setAttribute("autofocus", "");
    }
    const labelled = select.labels?.[0];
    if (labelled) labelled.htmlFor = input.id;
  }

  // The browser itself may have looked for where the cursor goes before the box to type in took the list's place.
  function takeFocus() {
    const next = form()?.querySelector("[autofocus]");
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
    next?.removeAttribute("autofocus");  // Whatever is swapped later leaves the cursor where it is by then.
  }

  const enhance = () => document.querySelectorAll("#rule-editor select[data-search]").forEach(combine);

  // -- what is typed while the server draws is kept

  const press = (value) => {
    const button = Object.assign(document.createElement("button"), { name: "do", value, hidden: true });
    form().append(button);
    button.click();  // htmx sends along only what was clicked.
  };
  const stays = new Set(["show", "add", "group", "card", "more", "save", "try"]);
  let sent = null;
  let word = "";

  function values() {
    return new Map([...form().elements].filter((one) => one.name && one.matches("input:not([type=hidden]):not([type=checkbox]), textarea:not([hidden])")).map((one, index) => [`${one.name}#${index}`, one]));
  }

  // A button pressed while the form is drawn anew would be gone with the old form: the new one presses it again.
  let drawing = null;
  let pressed = null;
  document.addEventListener("submit", (event) => {
    if (event.target !== form() || !drawing) return;
    event.preventDefault();
    event.stopPropagation();
    pressed = event.submitter?.value ?? "show";
  }, true);

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form()) return;
    drawing = event.detail.xhr;
    sent = new Map([...values()].map(([key, one]) => [one.name, one.value]));
    word = String(event.detail.requestConfig.parameters?.do ?? event.detail.requestConfig.triggeringEvent?.submitter?.value ?? "show").split(":")[0];
    if (!stays.has(word)) form().inert = true;
  });
  let typed = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "rule-editor" || !sent) return;
    typed = stays.has(word) ? [...values().values()].filter((one) => sent.has(one.name) && sent.get(one.name) !== one.value).map((one) => [one.name, one.value]) : [];
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!drawing || event.detail.xhr !== drawing) return;
    const next = pressed;
    drawing = pressed = null;
    if (!form()) return;
    form().inert = false;
    if (next !== null) press(next);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!form() || event.target.id === "ru-said") return;
    typed.forEach(([name, value]) => {
      const one = form().elements.namedItem(name);
      if (one && "value" in one) one.value = value;
    });
    typed = [];
    enhance();
    takeFocus();
  });

  // -- a choice that changes the form is sent; what is typed brings the sentence up to date

  document.addEventListener("change", (event) => {
    if (!event.target.closest?.("#rule-editor") || !event.target.matches("[data-shape]")) return;
    const place = event.target.name.includes(":") ? event.target.name.split(":")[0] : "";
    press(`show:${place}`);
  });

  let waiting = 0;
  document.addEventListener("input", (event) => {
    const inside = event.target.closest?.("#rule-editor");
    if (!inside || event.target.matches("[data-shape], [name=json], [name^=try_]") || !event.target.name) return;
    event.target.closest("[data-part], .ru-param")?.querySelectorAll(":scope > .ru-error").forEach((line) => line.classList.add("is-stale"));
    clearTimeout(waiting);
    waiting = setTimeout(look, 500);
  });

  async function look() {
    if (!form()) return;
    const data = new FormData(form());
    data.set("do", "look");
    let answer;
    try {
      answer = await fetch(form().dataset.live, { method: "POST", body: data, headers: { "HX-Request": "true", "X-CSRFToken": data.get("csrfmiddlewaretoken") } });
    } catch { return; }
    const place = document.getElementById("ru-said");
    if (!answer.ok || !place) return;
    place.outerHTML = await answer.text();
  }

  // -- dragging: another way to press a button

  let dragged = "";
  const clear = () => document.querySelectorAll(".ru-drop-before, .ru-drop-after").forEach((one) => one.classList.remove("ru-drop-before", "ru-drop-after"));
  const isCard = (place) => /^a\.\d+$/.test(place);
  const tree = (place) => (place.startsWith("a.") ? place.split(".c")[0] : "c");

  function target(event) {
    const part = event.target.closest?.("#rule-editor [data-part]");
    if (!part || !dragged) return null;
    const place = part.dataset.part;
    if (isCard(dragged) !== isCard(place)) {
      if (!isCard(dragged)) return null;
      const card = event.target.closest(".ru-card");
      return card ? [card, card.dataset.part] : null;
    }
    if (!isCard(dragged) && tree(dragged) !== tree(place)) return null;
    if (place === dragged || place.startsWith(`${dragged}.`)) return null;
    return [part, place];
  }

  function after(event, part) {
    const box = part.getBoundingClientRect();
    return event.clientY > box.top + box.height / 2;
  }

  document.addEventListener("dragstart", (event) => {
    const grip = event.target.closest?.("[data-drag]");
    if (!grip) return;
    dragged = grip.dataset.drag;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged);
    const part = grip.closest("[data-part]");
    event.dataTransfer.setDragImage(part, 10, 10);
  });
  document.addEventListener("dragover", (event) => {
    const found = target(event);
    if (!found) return;
    event.preventDefault();
    clear();
    found[0].classList.add(after(event, found[0]) ? "ru-drop-after" : "ru-drop-before");
  });
  document.addEventListener("drop", (event) => {
    const found = target(event);
    clear();
    if (!found) return;
    event.preventDefault();
    const [part, place] = found;
    const [, above, index] = /^(.*)\.(\d+)$/.exec(place);
    press(`move:${dragged}>${above}.${Number(index) + (after(event, part) ? 1 : 0)}`);
  });
  document.addEventListener("dragend", () => { dragged = ""; clear(); });

  enhance();
  takeFocus();
})();
