// The timeline: drag it to go to other times, and the keys ← → + − when nothing else has them.
export function start(part) {
  const load = async (href) => {
    const answer = await fetch(href);
    if (!answer.ok || answer.redirected) { location.href = href; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    part.replaceChildren(...page.querySelector("[data-timeline]").childNodes);
    history.replaceState(null, "", href);
  };

  part.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (!step || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const which = step.dataset.step;
    load(step.href).then(() => part.querySelector(`[data-step=${which}]`)?.focus());
  });

  const keys = { ArrowLeft: "earlier", ArrowRight: "later", "+": "in", "=": "in", "-": "out" };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, .scroll, dialog") || event.ctrlKey || event.metaKey) return;
    const step = part.querySelector(`[data-step=${keys[event.key] ?? "none"}]`);
    if (step) { event.preventDefault(); load(step.href); }
  });

  let drag = null;
  part.addEventListener("pointerdown", (event) => {
    const chart = event.target.closest(".timeline");
    if (!chart || event.button !== 0) return;
    drag = { x: event.clientX, chart, width: chart.querySelector(".track").clientWidth, far: 0 };
  });
  addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.far = event.clientX - drag.x;
    if (Math.abs(drag.far) < 5) return;
    drag.chart.classList.add("dragging");
    for (const row of drag.chart.querySelectorAll(".track > svg, .ticks")) row.style.transform = `translateX(${drag.far}px)`;
  });
  addEventListener("pointerup", () => {
    if (!drag) return;
    const { far, chart, width } = drag;
    drag = null;
    if (Math.abs(far) < 5) return;
    // The click that ends a drag is not one on a bar.
    addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    const begin = Date.parse(chart.dataset.from) - (far / width) * chart.dataset.hours * 3600e3;
    const url = new URL(location.href);
    url.searchParams.set("from", new Date(begin).toISOString().slice(0, 19) + "Z");
    url.searchParams.set("hours", chart.dataset.hours);
    load(url.href);
  });
}
