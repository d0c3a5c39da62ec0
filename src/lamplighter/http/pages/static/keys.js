// Keys: / to search, g and a letter to go somewhere, ? for this list.
const PLACES = { h: "/", a: "/agents", r: "/runs", c: "/calendar", t: "/timeline", s: "/servers", p: "/proxies", n: "/notifications", u: "/usage", l: "/audit" };

export function keys() {
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (Date.now() - going < 1500 && PLACES[event.key]) { location.href = PLACES[event.key]; return; }
    going = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (field) { event.preventDefault(); field.focus(); } else location.href = "/agents";
    }
    if (event.key === "?") help();
  });
  document.querySelector("[data-help]")?.addEventListener("click", help);
}

function help() {
  if (document.querySelector("dialog[open]")) return;
  const names = { h: "Home", a: "Agents", r: "Runs", c: "Calendar", t: "Timeline", s: "Servers", p: "Proxy pools", n: "Notifications", u: "Usage", l: "Audit log" };
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  list.className = "facts";
  const rows = [["/", "Search"], ...Object.entries(names).map(([key, name]) => [`g ${key}`, name]), ["Esc", "Close"]];
  for (const [key, name] of rows) {
    const term = document.createElement("dt");
    for (const one of key.split(" ")) { const kbd = document.createElement("kbd"); kbd.textContent = one; term.append(kbd, " "); }
    const what = document.createElement("dd");
    what.textContent = name;
    list.append(term, what);
  }
  dialog.append(title, list);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}
