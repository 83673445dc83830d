// Keeps "3 minutes ago" true while the page stays open. The words are those of foundation/web/format.rs.

const TICK_MS = 10_000;
const LIMIT_DAYS = 14;
const moments = new Set();

// Ages are told by the server's clock: a visitor's may be wrong.
const skew = Number(document.body.dataset.now ?? Date.now()) - Date.now();

const plural = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;

export function words(seconds) {
  const size = Math.floor(Math.abs(seconds));
  if (size < 5) return "just now";
  const span =
    size < 60 ? plural(size, "second")
    : size < 3600 ? plural(Math.floor(size / 60), "minute")
    : size < 86400 ? plural(Math.floor(size / 3600), "hour")
    : plural(Math.floor(size / 86400), "day");
  return seconds < 0 ? `in ${span}` : `${span} ago`;
}

function refresh() {
  for (const moment of moments) {
    if (!moment.isConnected) {
      moments.delete(moment);
      continue;
    }
    const seconds = (Date.now() + skew - Date.parse(moment.dateTime)) / 1000;
    // Beyond the limit the server's date says more than an age.
    if (Math.abs(seconds) >= LIMIT_DAYS * 86400) continue;
    const text = words(seconds);
    if (moment.textContent !== text) moment.textContent = text;
  }
}

export default function relativeTime(moment) {
  if (moments.size === 0) setInterval(refresh, TICK_MS);
  moments.add(moment);
}
