// Says before it happens that the session will end. data-ends is the moment; without activity nothing moves it.

const WARN_SECS = 120;

export default function sessionWarning(notice) {
  const ends = Date.parse(notice.dataset.ends);
  const left = notice.querySelector("[data-left]");
  const timer = setInterval(() => {
    const seconds = Math.ceil((ends - Date.now()) / 1000);
    if (seconds > WARN_SECS) return;
    notice.hidden = false;
    left.textContent = seconds > 60 ? "2 minutes" : seconds > 0 ? "1 minute" : "a moment";
    if (seconds <= 0) clearInterval(timer);
  }, 5000);
}
