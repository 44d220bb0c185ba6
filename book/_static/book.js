// Long tables are sorted by a press on the head of a column: up, down, as it was.
document.querySelectorAll("article .wide table").forEach((table) => {
  const body = table.tBodies[0], rows = Array.from(body.rows), heads = Array.from(table.querySelectorAll("thead th"));
  if (rows.length < 8) return;
  const read = (row, i) => row.cells[i].textContent.trim().replace(/\u2212/g, "-");
  const number = (text) => parseFloat(text.replace(/^[^\d.+-]*(?=[\d.+-])/, "").replace(/(\d),(?=\d{3})/g, "$1"));
  heads.forEach((head, i) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button"), values = new Map(rows.map((row) => [row, read(row, i)]));
    const some = [...values.values()].filter((text) => text !== "\u2013");
    const numeric = some.length > 0 && some.every((text) => !Number.isNaN(number(text)));
    const empty = (row) => (numeric ? Number.isNaN(number(values.get(row))) : values.get(row) === "\u2013");
    const compare = numeric
      ? (a, b) => number(values.get(a)) - number(values.get(b))
      : (a, b) => values.get(a).localeCompare(values.get(b), "en", { numeric: true });
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const turn = { ascending: "descending", descending: "none" }[head.ariaSort] || "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (turn !== "none") head.ariaSort = turn;
      const sign = turn === "descending" ? -1 : 1;
      const sorted = [...rows].sort((a, b) => (empty(a) - empty(b)) || (empty(a) ? 0 : sign * compare(a, b)));
      body.append(...(turn === "none" ? rows : sorted));
    });
  });
});
// A table that scrolls inside its frame says so, how many rows lie beneath, and takes the keys of a keyboard.
document.querySelectorAll("article .wide").forEach((frame) => {
  const rows = frame.querySelectorAll("tbody tr");
  const count = () => {
    const edge = frame.getBoundingClientRect().bottom - 24;
    const below = Array.from(rows).filter((row) => row.getBoundingClientRect().bottom > edge).length;
    const left = frame.scrollHeight - frame.clientHeight - frame.scrollTop;
    if (below && left > 8) frame.dataset.more = `\u25be ${below} more ${below === 1 ? "row" : "rows"} below`;
    else delete frame.dataset.more;
  };
  const look = () => {
    const broad = frame.scrollWidth > frame.clientWidth + 8;
    if (broad) frame.dataset.aside = "more columns to the right \u25b8";
    else delete frame.dataset.aside;
    if (broad || frame.scrollHeight > frame.clientHeight + 8) frame.tabIndex = 0;
    count();
  };
  frame.addEventListener("scroll", count, { passive: true });
  new ResizeObserver(look).observe(frame);
});
// A formula wider than its column is set smaller; what is still too wide then scrolls and says so. (In braces, as the theme
// loads this file twice, the first time before there is a page.)
{
  const fit = () => document.querySelectorAll("article div.math").forEach((box) => {
    box.style.fontSize = "";
    delete box.dataset.aside;
    const share = box.clientWidth / box.scrollWidth;
    if (share < 1) box.style.fontSize = `${Math.max(0.75, 0.97 * share)}em`;
    if (box.scrollWidth > box.clientWidth + 1) box.dataset.aside = "goes on to the right \u25b8";
  });
  fit();
  addEventListener("resize", fit);
}
// On a phone a table of words is stacked (book.css); then every cell says which column it is of.
document.querySelectorAll("article .pst-scrollable-table-container table").forEach((table) => {
  const heads = Array.from(table.querySelectorAll("thead th"), (head) => head.textContent.trim());
  for (const row of table.tBodies[0]?.rows ?? [])
    Array.from(row.cells).forEach((cell, i) => { if (heads[i] && heads[2]) cell.dataset.head = heads[i]; });
});
