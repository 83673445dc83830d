// A button that copies the text of its block and says that it has.

import { make } from "../lib/make.js";

export default function copy(block) {
  if (!navigator.clipboard) return;
  const button = make("button", { class: "button small", type: "button" }, "Copy");
  const said = make("span", { class: "visually-hidden", role: "status" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = "Copied";
    said.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, 2000);
  });
  block.append(button, said);
}
