// A block with an id and data-live="topic …" is replaced by the same block of the freshly fetched page whenever one
// of its topics changes. With data-arrivals="alert alerts", new rows are announced and come in when asked for, and
// nothing moves under a cursor; see lib/arrivals.js. Whoever wants pages that stand still has data-still on the body.

import { enhance } from "../main.js";
import { settle } from "../lib/arrivals.js";
import { fetchPage } from "../lib/block.js";
import { keep } from "../lib/keep.js";
import { listen } from "../lib/stream.js";

const GATHER_MS = 400;

const isBeingFilledIn = (block) =>
  block.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select");

export default function live(block) {
  if ("still" in document.body.dataset) return;
  const topics = block.dataset.live.split(" ");
  let current = block;
  let timer = null;

  const swap = (fresh) => {
    const restore = keep(current);
    current.replaceWith(fresh);
    current = fresh;
    restore(fresh);
    // The block asked for this module; its parts ask for theirs.
    for (const child of fresh.children) enhance(child);
  };

  const refresh = async () => {
    timer = null;
    // What is being typed stays; the next change brings the rest.
    if (isBeingFilledIn(current)) return;
    const page = await fetchPage(location.href).catch(() => null);
    const fresh = page?.getElementById(current.id);
    if (!fresh) return;
    document.adoptNode(fresh);
    if (current.dataset.arrivals) settle(current, fresh, swap);
    else swap(fresh);
  };

  listen((topic) => {
    if (topic === "*" || topics.includes(topic)) timer ??= setTimeout(refresh, GATHER_MS);
  });
}
