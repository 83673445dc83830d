// Seconds that run out. At the end, the nearest block with an id is replaced by its fresh self: new codes, new seconds.

import { enhance } from "../main.js";
import { fetchPage } from "../lib/block.js";

const running = new Map();

export default function countdown(place) {
  const block = place.closest("[id]");
  const ends = Date.now() + Number(place.textContent) * 1000;
  if (Number.isNaN(ends)) return;
  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    place.textContent = left;
    if (left > 0) return;
    clearInterval(timer);
    if (block && block.id !== "main" && !running.has(block)) running.set(block, renew(block));
  }, 500);
}

async function renew(block) {
  const page = await fetchPage(location.href).catch(() => null);
  const fresh = page?.getElementById(block.id);
  running.delete(block);
  if (!fresh || !block.isConnected) return;
  block.replaceWith(document.adoptNode(fresh));
  enhance(fresh);
}
