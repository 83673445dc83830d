// Brings a list up to date without moving a row under a cursor. Rows are known by their ids: those that stand are
// renewed in place, those that went are marked, those that are new wait behind a notice.

import { enhance } from "../main.js";
import { make } from "./make.js";

const ROWS = "tbody > tr[id], li[id]";

const SETTLED_MS = 100;

const find = (block, row) => block.querySelector(`#${CSS.escape(row.id)}`);

const isInUse = (element) =>
  element.matches(":hover") || element.contains(document.activeElement) || element.querySelector("input:checked") !== null;

export function settle(current, fresh, swap) {
  const rows = [...fresh.querySelectorAll(ROWS)];
  const arrivals = rows.filter((row) => !find(current, row));
  // Where no row stands, none can move.
  const wasEmpty = current.querySelector(ROWS) === null;
  if (wasEmpty || (arrivals.length === 0 && !isInUse(current))) {
    swap(fresh);
    return;
  }
  for (const row of rows) {
    const old = find(current, row);
    if (!old || old.contains(document.activeElement) || old.querySelector("input:checked")) continue;
    const copy = row.cloneNode(true);
    old.replaceWith(copy);
    enhance(copy);
  }
  for (const old of current.querySelectorAll(ROWS)) old.toggleAttribute("data-gone", !find(fresh, old));
  if (arrivals.length > 0) announce(current, arrivals.length, () => swap(fresh));
}

function announce(block, count, show) {
  const [one, many] = block.dataset.arrivals.split(" ");
  let region = block.querySelector(":scope > .arrivals-region");
  if (!region) {
    region = make("div", { class: "arrivals-region", "aria-live": "polite" });
    block.prepend(region);
  }
  // What a live region holds when it comes into the page is not read out: it stands first, and then speaks.
  const button = make("button", { class: "button primary arrivals", type: "button" });
  button.textContent = `${count} new ${count === 1 ? one : many}, show`;
  button.addEventListener("click", show);
  setTimeout(() => region.replaceChildren(button), SETTLED_MS);
}
