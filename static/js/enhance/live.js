// A block with an id and data-live="topic …" is replaced by the same block of the freshly fetched page whenever one
// of its topics changes. Where data-arrivals="alert alerts" is set, rows that are new are announced instead and come
// in when asked for; rows that stand are renewed in place, so that nothing moves under a cursor.

import { enhance } from "../main.js";
import { fetchPage } from "../lib/block.js";
import { make } from "../lib/make.js";
import { listen } from "../lib/stream.js";

const GATHER_MS = 400;

export default function live(block) {
  const topics = block.dataset.live.split(" ");
  let current = block;
  let timer = null;

  const swap = (fresh) => {
    current.replaceWith(fresh);
    current = fresh;
    // The block asked for this module; its parts ask for theirs.
    for (const child of fresh.children) enhance(child);
  };

  const refresh = async () => {
    timer = null;
    // What is being typed or pressed stays; the next change, or the next look, brings the rest.
    if (current.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
    const page = await fetchPage(location.href).catch(() => null);
    const fresh = page?.getElementById(current.id);
    if (!fresh) return;
    document.adoptNode(fresh);
    if (current.dataset.arrivals) arrive(current, fresh, swap);
    else swap(fresh);
  };

  listen((topic) => {
    if (topic === "*" || topics.includes(topic)) timer ??= setTimeout(refresh, GATHER_MS);
  });
}

function arrive(current, fresh, swap) {
  const fresher = [...fresh.querySelectorAll("tbody > tr[id], li[id]")];
  const arrivals = fresher.filter((row) => !current.querySelector(`#${CSS.escape(row.id)}`));
  for (const row of fresher) {
    const old = current.querySelector(`#${CSS.escape(row.id)}`);
    if (old && !old.contains(document.activeElement)) {
      const copy = row.cloneNode(true);
      old.replaceWith(copy);
      enhance(copy);
    }
  }
  if (arrivals.length > 0) announce(current, arrivals.length, () => swap(fresh));
}

function announce(block, count, show) {
  const [one, many] = block.dataset.arrivals.split(" ");
  let region = block.querySelector(":scope > .arrivals-region");
  if (!region) {
    region = make("div", { class: "arrivals-region", "aria-live": "polite" });
    block.prepend(region);
  }
  const button = make("button", { class: "button primary arrivals", type: "button" }, `${count} new ${count === 1 ? one : many}, show`);
  button.addEventListener("click", show);
  region.replaceChildren(button);
}
