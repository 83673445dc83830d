// A form that was kept while its author proved who they are: they are led back to the page that it stood on, where they
// see what they send, and find in it what they had typed. Where that page does not have the form any more, they see what
// was kept, as without scripts.

import { make } from "../lib/make.js";

export const KEPT = "kept-form";
const NOT_FOUND = "#kept";
// Longer than a page takes to come; what lies there after that belongs to a way that nobody went.
const SOON_MS = 30_000;
const OF_THE_PAGE = new Set(["csrf"]);
const KEY = "idempotency";

export default function refill(form) {
  if (location.hash === NOT_FOUND) return;
  const fields = [...new FormData(form)].filter(([name]) => !OF_THE_PAGE.has(name));
  const kept = { page: form.dataset.page, action: form.getAttribute("action"), fields, files: form.dataset.files, back: location.pathname, at: Date.now() };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
  location.replace(kept.page);
}

export function fill() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT));
  sessionStorage.removeItem(KEPT);
  const isThere = location.pathname === kept.page;
  const isLate = Date.now() - kept.at > SOON_MS;
  if (isLate && !isThere) return;
  const form = !isLate && isThere && find(kept);
  if (!form) {
    location.replace(kept.back + NOT_FOUND);
    return;
  }
  put(form, kept.fields);
  form.closest("details")?.setAttribute("open", "");
  form.prepend(
    make(
      "div",
      { class: "notice", role: "status" },
      make("div", {}, make("strong", {}, "Not sent yet"), make("p", {}, said(kept))),
    ),
  );
  form.scrollIntoView({ block: "center" });
  const next = kept.files ? "input[type=file]" : "button:not([type=button])";
  form.querySelector(next)?.focus({ preventScroll: true });
}

function said({ files }) {
  if (!files) return "What you had filled in is here again. Look at it, and send it once more.";
  return `What you had typed is here again, and files are not kept: choose ${files} once more before you send it.`;
}

function find({ action, fields }) {
  const leadsThere = (form) => form.method === "post" && form.getAttribute("action") === action;
  const takesAll = (form) => fields.every(([name]) => form.elements.namedItem(name) ?? pressed(form, name));
  return [...document.forms].find((form) => leadsThere(form) && takesAll(form) && saysTheSame(form, fields));
}

// What the page says by itself, such as which version or proposal somebody looks at, has to be what it was: who sends
// this form again decides what they saw then. Where it has changed, they are shown what was kept, and the server says so.
function saysTheSame(form, fields) {
  const hidden = [...form.elements].filter((control) => control.type === "hidden" && control.name !== KEY && !OF_THE_PAGE.has(control.name));
  return hidden.every((control) => fields.some(([name, value]) => name === control.name && value === control.value));
}

const pressed = (form, name) => form.querySelector(`button[name="${CSS.escape(name)}"]`);

// The form's own key is that of the first try, so that both are one act.
function put(form, fields) {
  const left = [...fields];
  for (const control of form.elements) {
    const values = left.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "checkbox" || control.type === "radio") control.checked = values.includes(control.value);
    else if (control.type === "select-multiple") for (const option of control.options) option.selected = values.includes(option.value);
    else if (values.length > 0 && (control.type === "hidden" ? control.name === KEY : control.matches("input, textarea, select"))) {
      control.value = values[0];
      left.splice(left.findIndex(([name]) => name === control.name), 1);
    }
  }
}
