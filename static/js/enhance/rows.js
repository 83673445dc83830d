// j and k walk the rows of a list; Enter is the link's own, because walking puts the focus on it.

export default function rows(body) {
  body.addEventListener("focusin", ({ target }) => {
    for (const row of body.children) row.toggleAttribute("data-cursor", row.contains(target));
  });
  body.addEventListener("focusout", ({ relatedTarget }) => {
    if (!body.contains(relatedTarget)) for (const row of body.children) row.removeAttribute("data-cursor");
  });
}

export function step(by) {
  const lists = document.querySelectorAll('main [data-enhance~="rows"]');
  const links = [...lists].flatMap((list) => [...list.children]).map((row) => row.querySelector("a[href]")).filter(Boolean);
  if (links.length === 0) return;
  const rowOf = (element) => element?.closest('[data-enhance~="rows"] > *');
  const at = links.findIndex((link) => rowOf(link) === rowOf(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
  links[next].focus();
}
