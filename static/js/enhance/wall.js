// A wall screen renews itself in place, and says so when it cannot: what is old must not pass for what is so. When its
// key has ended the server says that, on a page of its own.

import { fetchPage } from "../lib/block.js";

const MISSED_AT_MOST = 2;

export default function wall(body) {
  const every = Number(body.dataset.every) * 1000;
  let missed = 0;

  const miss = () => {
    missed += 1;
    if (missed < MISSED_AT_MOST) return;
    const made = document.querySelector(".wall-made time");
    const stale = document.querySelector(".wall-stale");
    stale.textContent = `Not renewed since ${made.textContent}: what you see may be old.`;
    stale.hidden = false;
    body.dataset.stale = "";
  };

  const swap = (page, fresh) => {
    missed = 0;
    delete body.dataset.stale;
    document.title = page.title;
    document.getElementById("wall").replaceWith(document.adoptNode(fresh));
  };

  const isEnded = async () => {
    const answer = await fetch(location.href, { method: "HEAD", signal: AbortSignal.timeout(every) }).catch(() => null);
    return answer?.status === 401;
  };

  setInterval(async () => {
    const page = await fetchPage(location.href).catch(() => null);
    const fresh = page?.getElementById("wall");
    if (fresh) swap(page, fresh);
    else if (await isEnded()) location.reload();
    else miss();
  }, every);
}
