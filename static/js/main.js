// Every page is complete without this file. An element names what it would like to be helped with in
// data-enhance; each name is one small module, fetched only when a page asks for it.

const modules = {
  chart: () => import("./enhance/chart.js"),
  copy: () => import("./enhance/copy.js"),
  countdown: () => import("./enhance/countdown.js"),
  draft: () => import("./enhance/draft.js"),
  focus: () => import("./enhance/focus.js"),
  keyboard: () => import("./enhance/keyboard.js"),
  live: () => import("./enhance/live.js"),
  menu: () => import("./enhance/menu.js"),
  passkey: () => import("./enhance/passkey.js"),
  refill: () => import("./enhance/refill.js"),
  "relative-time": () => import("./enhance/relative-time.js"),
  rows: () => import("./enhance/rows.js"),
  "session-warning": () => import("./enhance/session-warning.js"),
  shortcuts: () => import("./enhance/shortcuts.js"),
  "submit-once": () => import("./enhance/submit-once.js"),
  wall: () => import("./enhance/wall.js"),
};

export function enhance(root) {
  const wanting = [...root.querySelectorAll("[data-enhance]")];
  if (root.matches?.("[data-enhance]")) wanting.push(root);
  for (const element of wanting) {
    for (const name of element.dataset.enhance.split(" ")) {
      modules[name]?.().then((module) => module.default(element));
    }
  }
}

enhance(document);

// Somebody comes back to a form that was kept for them.
if (sessionStorage.getItem("kept-form")) import("./enhance/refill.js").then(({ fill }) => fill());
