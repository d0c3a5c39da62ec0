// What pages can do with scripts; without them they show and do the same, with more steps.
import { follow } from "./live.js";
import { enhanceForms } from "./forms.js";
import { keys } from "./keys.js";

for (const part of document.querySelectorAll("[data-live]")) follow(part);
enhanceForms();
keys();

const menu = document.querySelector(".menu");
menu?.addEventListener("click", () => {
  const open = menu.closest(".side").classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
});

const modules = { log: "[data-log]", editor: "[data-preview]", timeline: "[data-timeline]", records: "[data-find]" };
for (const [name, selector] of Object.entries(modules)) {
  const found = document.querySelectorAll(selector);
  if (found.length) import(`./${name}.js`).then((module) => found.forEach((one) => module.start(one)));
}
