// Says before it happens that the session will end, and offers to stay. Asking for the page again is what staying
// means: the fresh page says how long the session now lasts. What is typed stays where it is.

import { fetchPage } from "../lib/block.js";

const WARN_SECS = 120;
const LOOK_MS = 5_000;

export default function sessionWarning(notice) {
  const left = notice.querySelector("[data-left]");
  const stay = notice.querySelector("button");
  let ends = Date.now() + Number(notice.dataset.seconds) * 1000;

  setInterval(() => {
    const seconds = Math.ceil((ends - Date.now()) / 1000);
    notice.hidden = seconds > WARN_SECS;
    left.textContent = seconds > 60 ? "2 minutes" : seconds > 0 ? "1 minute" : "a moment";
  }, LOOK_MS);

  stay.addEventListener("click", async () => {
    const page = await fetchPage(location.href).catch(() => null);
    const seconds = Number(page?.querySelector(".session-warning")?.dataset.seconds);
    if (!seconds) {
      location.assign("/sign-in");
      return;
    }
    ends = Date.now() + seconds * 1000;
    notice.hidden = true;
  });
}
