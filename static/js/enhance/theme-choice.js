// Light, dark, or as the system says; kept in this browser and applied before the first paint by theme.js.

import { make } from "../lib/make.js";
import { recall, remember } from "../lib/storage.js";

const CHOICES = [["", "As the system"], ["light", "Light"], ["dark", "Dark"]];

export default function themeChoice(place) {
  const select = make("select", { class: "input", id: "theme" }, ...CHOICES.map(([value, label]) => make("option", { value }, label)));
  select.value = recall("theme") ?? "";
  select.addEventListener("change", () => {
    remember("theme", select.value || null);
    if (select.value) document.documentElement.dataset.theme = select.value;
    else delete document.documentElement.dataset.theme;
  });
  place.append(make("label", { for: "theme" }, "Theme"), select);
  place.hidden = false;
}
