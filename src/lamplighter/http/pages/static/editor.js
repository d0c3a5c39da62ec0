// The schedule editor: shows the fields of the chosen kind, and what the schedule does, while it is being edited.
export function start(form) {
  const target = form.querySelector("[data-preview-target]");
  let wait = 0;
  let going = null;

  const fold = () => {
    const kind = form.elements.when.value;
    for (const one of form.querySelectorAll("[data-when]")) {
      const fits = one.dataset.when.split(" ").includes(kind);
      one.hidden = !fits || (one.dataset.on !== undefined && one.dataset.on !== form.elements.on.value);
    }
    const label = form.querySelector("[data-label-once]");
    label.textContent = { once: label.dataset.labelOnce, every: label.dataset.labelEvery }[kind] ?? label.dataset.label;
  };

  const look = async () => {
    going?.abort();
    going = new AbortController();
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: going.signal });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      target.replaceChildren(...fresh.childNodes);
    } catch (problem) {
      if (problem.name !== "AbortError") throw problem;
    }
  };

  const soon = () => { fold(); clearTimeout(wait); wait = setTimeout(look, 250); };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  fold();
  look();
}
