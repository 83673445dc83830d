// What a reader has done to a block, so that its replacement can be left in the same state: where the focus is, which
// disclosures are open, how far wide tables are scrolled.

const all = (block, selector) => [...block.querySelectorAll(selector)];

function focused(block) {
  const element = document.activeElement;
  if (!element || !block.contains(element) || element === block) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("a[href]")) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
  return null;
}

// Remembers now; the function that comes back puts it into the fresh block once that stands in the page.
export function keep(block) {
  const focus = focused(block);
  const open = all(block, "details").map((details) => details.open);
  const scrolled = all(block, ".table-scroll").map((region) => region.scrollLeft);
  return (fresh) => {
    all(fresh, "details").forEach((details, index) => (details.open = open[index] ?? details.open));
    all(fresh, ".table-scroll").forEach((region, index) => (region.scrollLeft = scrolled[index] ?? 0));
    if (focus) fresh.querySelector(focus)?.focus({ preventScroll: true });
  };
}
