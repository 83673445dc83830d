// One event stream per browser, whatever the number of tabs: HTTP/1.1 allows six connections to a host. The tab that
// holds the lock listens and passes on what it hears; a hidden tab lets go, so that a visible one can take over.
//
// A page names the last entry of the log that it can have seen, and the stream begins after that one, so that nothing
// which happens between the making of a page and its listening goes unheard.

const NAME = "signalbox-live";
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

const channel = new BroadcastChannel(NAME);
const me = crypto.randomUUID();
const listeners = new Set();

// The last entry that this tab knows to have been told of; not a number where the page does not say.
let head = Number(document.body.dataset.head ?? NaN);
let release = null;
let waitMs = FIRST_WAIT_MS;

// "*": anything may have changed.
const tell = (topic) => listeners.forEach((listener) => listener(topic));

channel.addEventListener("message", ({ data }) => {
  if ("ask" in data) answer(data);
  else if (!data.to || data.to === me) {
    if (data.head > head) head = data.head;
    tell(data.topic);
  }
});

// A tab that begins to listen may be older than what its leader was told last.
function answer({ ask, from }) {
  if (release && head > -1 && !(ask >= head)) channel.postMessage({ topic: "*", to: from, head });
}

function lead() {
  return new Promise((resolve) => {
    const source = new EventSource(Number.isNaN(head) ? "/live" : `/live?after=${head}`);
    const end = (outcome) => {
      source.close();
      release = null;
      resolve(outcome);
    };
    release = () => end("left");
    source.addEventListener("head", ({ data }) => {
      head = Number(data);
      waitMs = FIRST_WAIT_MS;
    });
    source.addEventListener("change", ({ data, lastEventId }) => {
      head = Number(lastEventId);
      channel.postMessage({ topic: data, head });
      tell(data);
    });
    source.addEventListener("error", () => {
      // Otherwise it comes back by itself, and says how far it was.
      if (source.readyState === EventSource.CLOSED) end("refused");
    });
  });
}

// An event source does not say why it was refused.
async function isSignedOut() {
  const abort = new AbortController();
  try {
    const response = await fetch("/live", { headers: { accept: "text/event-stream" }, signal: abort.signal });
    return response.status === 401;
  } catch {
    return false;
  } finally {
    abort.abort();
  }
}

// Leads whenever the lock is free. A refusal lets go of it, so that the wait is nobody else's.
async function follow(signal) {
  while (!signal.aborted) {
    const outcome = await navigator.locks.request(NAME, { signal }, lead).catch(() => "left");
    if (outcome !== "refused" || (await isSignedOut())) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

function begin() {
  const abort = new AbortController();
  follow(abort.signal);
  channel.postMessage({ ask: head, from: me });
  return () => {
    abort.abort();
    release?.();
  };
}

// Calls back with each topic that changed; with "*" where anything may have, as after the page was hidden.
export function listen(listener) {
  listeners.add(listener);
  if (listeners.size > 1) return;
  let leave = document.hidden ? null : begin();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      leave?.();
      leave = null;
    } else if (!leave) {
      leave = begin();
      tell("*");
    }
  });
}
