// The help dialog, and the button in the person menu that opens it.

import { make } from "../lib/make.js";

const GENERAL = [
  ["?", "This help"],
  ["/", "Search"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row"],
  ["n", "Claim the next case"],
];

let dialog = null;

function line(keys, what) {
  const cells = keys.map((key) => make("kbd", {}, key)).flatMap((kbd, index) => (index ? [" then ", kbd] : [kbd]));
  return [make("dt", {}, ...cells), make("dd", {}, what)];
}

function build() {
  const pages = [...document.querySelectorAll("[data-go]")].flatMap((link) => line(["g", link.dataset.go], link.firstElementChild.textContent));
  const close = make("button", { class: "button small", type: "button" }, "Close");
  const inUse = document.body.dataset.enhance.split(" ").includes("keyboard");
  const preferences = make("a", { href: "/account/preferences" }, inUse ? "Turn them off in your preferences" : "Turn them on in your preferences");
  const built = make(
    "dialog",
    { "aria-labelledby": "shortcuts-title" },
    make("header", {}, make("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"), close),
    make("dl", { class: "shortcuts" }, ...GENERAL.flatMap(([key, what]) => line([key], what)), ...pages),
    make("p", {}, inUse ? "" : "They are turned off. ", preferences),
  );
  close.addEventListener("click", () => built.close());
  document.body.append(built);
  return built;
}

export function openHelp() {
  dialog ??= build();
  dialog.showModal();
}

export default function shortcuts(place) {
  const button = make("button", { class: "button small", type: "button" }, "Keyboard shortcuts");
  button.addEventListener("click", openHelp);
  place.append(button);
  place.hidden = false;
}
