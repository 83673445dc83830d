// A form that changes something is sent once. The idempotency key makes a second sending harmless; this makes it rare.

export default function submitOnce(root) {
  const sent = new Set();

  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    event.submitter?.setAttribute("aria-disabled", "true");
  });

  // A page that comes back from the browser's memory can be sent anew.
  addEventListener("pageshow", () => {
    for (const form of sent) form.querySelectorAll("[aria-disabled]").forEach((button) => button.removeAttribute("aria-disabled"));
    sent.clear();
  });
}
