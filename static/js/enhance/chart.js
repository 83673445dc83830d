// Values under the pointer, read from the chart's own table.

import { make } from "../lib/make.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;

export default function chart(figure) {
  const plot = figure.querySelector(".chart-plot");
  const names = [...figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  if (rows.length === 0) return;

  const cursor = document.createElementNS(SVG, "path");
  cursor.setAttribute("class", "chart-cursor");
  const line = make("p", { class: "chart-value", "aria-hidden": "true" });
  line.hidden = true;
  figure.querySelector(".chart-frame").after(line);

  plot.addEventListener("pointermove", ({ clientX }) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(Math.max((clientX - box.left) / box.width, 0), 0.999999);
    const index = Math.floor(share * rows.length);
    const [when, ...values] = rows[index];
    cursor.setAttribute("d", `M${((index + 0.5) / rows.length) * WIDTH} 0V200`);
    plot.append(cursor);
    line.textContent = `${when}: ${values.map((value, at) => `${names[at]} ${value}`).join(", ")}`;
    line.hidden = false;
  });
  plot.addEventListener("pointerleave", () => {
    cursor.remove();
    line.hidden = true;
  });
}
