// The log of a run: follows it, filters by level, finds words. Lines are only ever put in as text.
const MOST = 20000;
const LEVELS = [[/\b(CRITICAL|FATAL|ERROR|Traceback|Exception)\b/i, "error"], [/\bWARN(ING)?\b/i, "warning"], [/\bDEBUG\b/, "debug"], [/\[lamplighter\]/, "server"]];
const RANK = { error: 2, warning: 1 };

export function start(panel) {
  const lines = panel.querySelector("[data-log-lines]");
  const state = panel.querySelector("[data-log-state]");
  const find = panel.querySelector("[data-log-find]");
  const level = panel.querySelector("[data-log-level]");
  const attempt = panel.querySelector("[data-log-attempt]");
  const follow = panel.querySelector("[data-log-follow]");
  let source = null;
  let waiting = [];
  let last = "info";

  const fits = (line) => {
    const word = find.value.trim().toLowerCase();
    const least = RANK[level.value] ?? 0;
    return (RANK[line.dataset.level] ?? 0) >= least && (!word || line.textContent.toLowerCase().includes(word));
  };

  const mark = (line) => {
    const word = find.value.trim();
    const text = line.textContent;
    const at = word ? text.toLowerCase().indexOf(word.toLowerCase()) : -1;
    if (at < 0) { line.textContent = text; return; }
    const found = document.createElement("mark");
    found.textContent = text.slice(at, at + word.length);
    line.replaceChildren(text.slice(0, at), found, text.slice(at + word.length));
  };

  const filter = () => {
    let shown = 0;
    for (const line of lines.children) {
      line.hidden = !fits(line);
      if (!line.hidden) { shown += 1; mark(line); }
    }
    const narrowed = find.value.trim() || level.value;
    state.textContent = narrowed ? `${shown.toLocaleString("en")} of ${lines.children.length.toLocaleString("en")} lines` : state.dataset.said ?? "";
  };

  const flush = () => {
    const batch = document.createDocumentFragment();
    for (const text of waiting) {
      const line = document.createElement("div");
      line.textContent = text;
      // What is indented belongs to the line before it, as a traceback does.
      if (!/^\s/.test(text)) last = LEVELS.find(([pattern]) => pattern.test(text))?.[1] ?? "info";
      line.dataset.level = last;
      line.className = `l-${last}`;
      line.hidden = !fits(line);
      batch.append(line);
    }
    waiting = [];
    lines.append(batch);
    while (lines.children.length > MOST) lines.firstElementChild.remove();
    if (follow.checked) lines.scrollTop = lines.scrollHeight;
    if (find.value.trim() || level.value) filter();
  };

  const say = (text) => { state.dataset.said = text; state.textContent = text; };

  const open = () => {
    source?.close();
    lines.replaceChildren();
    waiting = [];
    const number = attempt ? `&attempt=${attempt.value}` : "";
    source = new EventSource(`${panel.dataset.log}?follow=true${number}`);
    say("Reading …");
    source.addEventListener("message", (event) => {
      if (!waiting.length) requestAnimationFrame(flush);
      waiting.push(event.data);
    });
    source.addEventListener("end", () => { source.close(); source = null; say("This is its end."); });
    source.addEventListener("open", () => say("Follows what is written."));
    source.addEventListener("error", () => say(source?.readyState === EventSource.CLOSED ? "The log could not be read." : "The server is away: trying again …"));
  };

  lines.addEventListener("scroll", () => {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
    if (!atEnd && follow.checked && source) follow.checked = false;
  });
  follow.addEventListener("change", () => { if (follow.checked) lines.scrollTop = lines.scrollHeight; });
  find.addEventListener("input", filter);
  level.addEventListener("change", filter);
  attempt?.addEventListener("change", open);
  addEventListener("pagehide", () => source?.close());
  open();
}
