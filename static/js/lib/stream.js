// One event stream per browser, whatever the number of tabs: HTTP/1.1 allows six connections to a host. The tab that
// holds the lock listens and passes on what it hears; a hidden tab lets go, so that a visible one can take over.

const channel = new BroadcastChannel("signalbox-live");
const listeners = new Set();
let release = null;

// "*": anything may have changed.
const tell = (topic) => listeners.forEach((listener) => listener(topic));
channel.addEventListener("message", ({ data }) => tell(data));

function lead() {
  return new Promise((resolve) => {
    const source = new EventSource("/live");
    let interrupted = false;
    source.addEventListener("error", () => (interrupted = true));
    source.addEventListener("open", () => {
      // What changed while nobody listened was not said.
      if (interrupted) tell("*");
      interrupted = false;
    });
    source.addEventListener("change", ({ data }) => {
      channel.postMessage(data);
      tell(data);
    });
    // The server ends a stream with its session: a refusal closes it for good, and the page says so elsewhere.
    release = () => {
      source.close();
      resolve();
    };
  });
}

function follow() {
  const abort = new AbortController();
  navigator.locks.request("signalbox-live", { signal: abort.signal }, lead).catch(() => {});
  return () => {
    abort.abort();
    release?.();
    release = null;
  };
}

// Calls back with each topic that changed; with "*" where anything may have, as after the page was hidden.
export function listen(listener) {
  listeners.add(listener);
  if (listeners.size > 1) return;
  let leave = document.hidden ? null : follow();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      leave?.();
      leave = null;
    } else if (!leave) {
      leave = follow();
      tell("*");
    }
  });
}
