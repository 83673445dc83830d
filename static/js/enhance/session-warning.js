// Says before it happens that the session will end, and offers to stay. What is typed stays where it is. Pages that
// scripts fetch prolong nothing, so staying is a request of its own.

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
    stay.hidden = seconds <= 0;
    left.textContent = seconds <= 0 ? "Your session has ended" : `Your session ends in ${seconds > 60 ? "2 minutes" : "1 minute"}`;
  }, LOOK_MS);

  stay.addEventListener("click", async () => {
    const body = new URLSearchParams({ csrf: notice.dataset.csrf, idempotency: notice.dataset.key });
    const answer = await fetch("/account/session", { method: "POST", body }).catch(() => null);
    const page = answer?.ok ? await fetchPage(location.href).catch(() => null) : null;
    const seconds = Number(page?.querySelector(".session-warning")?.dataset.seconds);
    if (!seconds) {
      left.textContent = "Your session could not be prolonged";
      return;
    }
    ends = Date.now() + seconds * 1000;
    notice.hidden = true;
  });
}
