// Forms: asking before what cannot be undone, the time zone at sign-in, and the focus on what is wrong.
export function enhanceForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.sure) return;
    event.preventDefault();
    ask(form.dataset.confirm, event.submitter?.textContent ?? "Yes").then((sure) => {
      if (!sure) return;
      form.dataset.sure = "yes";
      form.requestSubmit(event.submitter);
    });
  });

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const form of document.querySelectorAll("[data-sign-in]")) {
    form.elements.zone.value = zone;
    // The first start of a server prints an address that ends in #sk-…: it never reaches a log of the server.
    if ("key" in form.dataset && location.hash.startsWith("#sk-")) {
      form.elements.key.value = location.hash.slice(1);
      history.replaceState(null, "", location.pathname + location.search);
      form.requestSubmit();
    }
  }
  document.querySelector("[data-focus]")?.focus();

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
    });
  }
}

function ask(question, yes) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "buttons";
  for (const [value, label, kind] of [["no", "Cancel", ""], ["yes", yes, "primary"]]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = label;
    button.className = kind;
    form.append(button);
  }
  dialog.append(text, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
  });
}
