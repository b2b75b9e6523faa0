/* The guided tour of a demo. Where it stands is kept in this browser: it begins by itself once, on the start page. */
(() => {
  "use strict";
  const KEY = "avatar-tour";
  const stops = JSON.parse(document.getElementById("tour-stops").textContent);
  const here = window.location.pathname;
  const asked = new URLSearchParams(window.location.search).has("tour");
  const known = localStorage.getItem(KEY);
  if (asked) localStorage.setItem(KEY, "0");
  const at = asked || known === null ? 0 : Number(known);
  if (known === "done" && !asked) return;
  if (Number.isNaN(at) || at >= stops.length || stops[at].page !== here) return;

  const go = (index) => {
    if (index < 0) return;
    if (index >= stops.length) return end();
    localStorage.setItem(KEY, String(index));
    if (stops[index].page === here) show(index);
    else window.location.assign(stops[index].page);
  };
  const end = () => {
    localStorage.setItem(KEY, "done");
    tour.destroy();
  };
  // The library calls whatever it points at a button that opens a dialog: readers are not told so of a heading.
  const plain = () => {
    document.querySelectorAll(".driver-active-element").forEach((element) => {
      ["aria-haspopup", "aria-expanded", "aria-controls"].forEach((name) => element.removeAttribute(name));
    });
  };
  const tour = window.driver.js.driver({ allowClose: true, overlayOpacity: 0.45, stagePadding: 6, animate: false });
  const show = (index) => {
    const stop = stops[index];
    const place = stop.element ? document.querySelector(stop.element) : null;
    tour.setConfig({
      allowClose: true, overlayOpacity: 0.45, stagePadding: 6, animate: false,
      onDestroyStarted: end,
      onHighlighted: plain,
      onNextClick: () => go(index + 1),
      onPrevClick: () => go(index - 1),
      onCloseClick: end,
    });
    tour.highlight({
      element: place ?? undefined,
      popover: {
        title: stop.title,
        description: stop.text,
        showButtons: index ? ["next", "previous", "close"] : ["next", "close"],
        nextBtnText: index + 1 < stops.length ? "Next" : "Done",
        prevBtnText: "Back",
        showProgress: true,
        progressText: `${index + 1} of ${stops.length}`,
      },
    });
  };
  window.addEventListener("load", () => show(at));
})();
