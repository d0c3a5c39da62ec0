// Parts of pages that are refreshed while they are seen: by server-sent events, or by asking when those do not come.
const POLL = 5000;

export function follow(part) {
  let source = null;
  let timer = 0;

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    const open = new Set([...part.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    for (const one of fresh.querySelectorAll("details > summary")) one.parentElement.open = open.has(one.textContent);
    const focus = document.activeElement;
    if (part.contains(focus) && focus.matches("a, button, input, select, textarea, summary")) return;
    part.replaceChildren(...fresh.childNodes);
    tick();
    part.dispatchEvent(new CustomEvent("refreshed"));
  };

  const poll = async () => {
    try {
      const answer = await fetch(part.dataset.poll);
      if (answer.redirected || answer.status === 401) return location.reload();
      if (answer.ok) show(await answer.text());
    } catch { /* the server is away: the next look may find it */ }
    timer = setTimeout(poll, POLL);
  };

  const begin = () => {
    if (source || timer) return;
    if (!window.EventSource) return poll();
    source = new EventSource(part.dataset.live);
    source.addEventListener("block", (event) => show(event.data));
    source.addEventListener("over", () => { end(); location.reload(); });
    source.addEventListener("done", () => end());
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) { end(); timer = setTimeout(poll, POLL); }
    });
  };

  const end = () => { source?.close(); source = null; clearTimeout(timer); timer = 0; };

  // A browser has few connections to one server: pages that nobody sees give theirs back.
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  addEventListener("pagehide", end);
  if (!document.hidden) begin();
}

function tick() {
  for (const one of document.querySelectorAll("[data-since]")) {
    if (!one.dataset.since) continue;
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(one.dataset.since)) / 1000));
    const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
    const parts = [[d, "d"], [h, "h"], [m, "min"], [s, "s"]].filter(([value]) => value).slice(0, 2);
    one.textContent = parts.map(([value, unit]) => `${value} ${unit}`).join(" ") || "0 s";
  }
}
setInterval(tick, 1000);
tick();
