// A passkey: the page asks the server for a question, the device signs an answer, and the form carries it. Without
// scripts or passkeys the form stays hidden, and the code does.

const KNOWN = globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON;

const ways = {
  create: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

const words = {
  InvalidStateError: "This device has a passkey for you already.",
  NotAllowedError: "No passkey was used: it was called off, took too long, or this device has none for Signalbox.",
  SecurityError: "This browser does not allow passkeys at this address.",
};

async function question(form) {
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, idempotency: form.elements.idempotency.value });
  const response = await fetch(form.dataset.options, { method: "POST", body, headers: { accept: "application/json" }, redirect: "error" });
  const told = await response.json();
  if (!response.ok) throw new Error(`${told.title} ${told.detail}`);
  return told;
}

export default function passkey(form) {
  if (!KNOWN) return;
  form.hidden = false;
  const told = form.querySelector("[data-told]");
  const button = form.querySelector("button");
  let answered = false;
  form.addEventListener("submit", async (event) => {
    if (answered) return;
    event.preventDefault();
    if (button.disabled) return;
    told.hidden = true;
    button.disabled = true;
    try {
      const { ceremony, options } = await question(form);
      const credential = await ways[form.dataset.kind](options.publicKey);
      form.elements.ceremony.value = ceremony;
      form.elements.credential.value = JSON.stringify(credential);
      answered = true;
      button.disabled = false;
      form.requestSubmit(button);
    } catch (error) {
      told.textContent = words[error.name] ?? error.message;
      told.hidden = false;
      button.disabled = false;
    }
  });
  addEventListener("pageshow", () => (answered = false));
}
