// A form that changes something is sent once. The idempotency key makes a second sending harmless; this makes it rare.

// A form that is answered by a file, or whose sending is broken off with Escape, leaves its page standing: nothing
// says so, and after a while it can be sent anew.
const HELD_MS = 4_000;

export default function submitOnce(root) {
  const sent = new Map();

  const letGo = (form) => {
    clearTimeout(sent.get(form));
    sent.delete(form);
    form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
  };

  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.set(form, setTimeout(letGo, HELD_MS, form));
    event.submitter?.setAttribute("aria-disabled", "true");
  });

  // A page that comes back from the browser's memory can be sent anew.
  addEventListener("pageshow", () => [...sent.keys()].forEach(letGo));
}
