// A form with something typed in it is not left by accident: the browser asks first.

export default function draft(form) {
  const typed = () => [...form.querySelectorAll("textarea, input[type=text]")].some((field) => field.value !== field.defaultValue);
  let sent = false;
  form.addEventListener("submit", () => (sent = true));
  addEventListener("pageshow", () => (sent = false));
  addEventListener("beforeunload", (event) => {
    if (!sent && form.isConnected && typed()) event.preventDefault();
  });
}
