// Tables that sort and filter; folded parts that open for links and for print. The page reads well without it.
"use strict";
const number = text => parseFloat(text.replaceAll(",", "").replace("\u2212", "-").replace("<", ""));
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0], rows = [...body.rows];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName === "TD") return;
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.ariaSort === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.ariaSort = down ? "descending" : "ascending";
      const value = row => number(row.cells[column].textContent);
      const compare = column ? (a, b) => (isNaN(value(a)) - isNaN(value(b))) || value(a) - value(b)
        : (a, b) => rows.indexOf(a) - rows.indexOf(b);
      body.append(...[...rows].sort((a, b) => down ? compare(b, a) : compare(a, b)));
    });
  });
  if (rows.length < 9) continue;
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "Filter rows, such as: He";
  field.ariaLabel = "Filter the rows of this table";
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.cells[0].textContent.replaceAll("\u00a0", " ").toLowerCase();
      row.hidden = !wanted.every(word => text.includes(word));
    }
  });
  table.parentElement.before(field);
}
const show = () => {
  let part = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const target = part;
  for (; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", show);
show();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
