// Shortcuts focus or press a control that is there already. They never send a decision, they ignore typing, and they
// can be turned off: then this module is not asked for.

import { step } from "./rows.js";
import { openHelp } from "./shortcuts.js";

const CHORD_MS = 1200;

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog");
const press = (selector) => document.querySelector(selector)?.click();

function search() {
  const field = document.querySelector('main [data-shortcut="search"]') ?? document.querySelector('[data-shortcut="search"]');
  field?.focus();
  field?.select();
}

const keys = {
  "?": openHelp,
  "/": search,
  j: () => step(1),
  k: () => step(-1),
  n: () => press('[data-shortcut="claim-next"]'),
};

export default function keyboard() {
  let chord = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (Date.now() - chord < CHORD_MS) {
      chord = 0;
      const target = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (target) {
        event.preventDefault();
        target.click();
        return;
      }
    }
    if (event.key === "g") {
      chord = Date.now();
      return;
    }
    if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });
}
