// A disclosure that behaves as a menu: Escape and a press elsewhere close it.

export default function menu(details) {
  document.addEventListener("pointerdown", ({ target }) => {
    if (details.open && !details.contains(target)) details.open = false;
  });
  details.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary").focus();
  });
}
