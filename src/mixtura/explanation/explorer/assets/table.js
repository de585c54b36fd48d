// The table of responsibilities, and files to take away.

const PAGE = 50; // rows of the table at a time

/** Fills `table` for {resp (or null), selected}; a row's button selects it. */
function responsibilityTable(table, record, onSelect) {
  const n = record.rows.length;
  const weighted = record.sample_weight !== null;
  const head = html("tr", {},
    ...["row", ...record.columns, ...(weighted ? ["weight"] : []), "shares", ...record.gaussians]
      .map((text) => html("th", { scope: "col" }, text)));
  return ({ resp, selected }) => {
    const first = Math.floor(selected / PAGE) * PAGE;
    const body = html("tbody");
    for (let i = first; i < Math.min(first + PAGE, n); i += 1) {
      const button = html("button", { type: "button", className: "row" }, String(i));
      button.setAttribute("aria-label", `Row ${i}`);
      button.setAttribute("aria-pressed", String(i === selected));
      button.addEventListener("click", () => onSelect(i));
      const row = html("tr", { className: i === selected ? "selected" : "" },
        html("th", { scope: "row" }, button),
        ...record.rows[i].map((v) => html("td", {}, number(v))),
        ...(weighted ? [html("td", {}, number(record.sample_weight[i]))] : []),
        html("td", {}, shareBar(resp && resp[i])),
        ...record.gaussians.map((_, k) => html("td", {}, resp ? number(resp[i][k]) : "—")));
      row.dataset.row = String(i);
      body.append(row);
    }
    table.replaceChildren(table.caption, html("thead", {}, head), body);
    table.caption.textContent = n > PAGE
      ? `Responsibilities of rows ${first} to ${Math.min(first + PAGE, n) - 1} of ${n}` : "Responsibilities of each row";
  };
}

/** One bar of all components' shares. */
function shareBar(resp) {
  const bar = html("span", { className: "bar" });
  bar.append(...(resp ?? []).map((r, k) => {
    const part = html("span");
    part.style.cssText = `width:${(100 * r).toFixed(2)}%;background:${paint(k)}`;
    return part;
  }));
  return bar;
}

/** The run as CSV: the columns of `Explanation.table()`, every digit. */
function runCsv(record) {
  const names = Object.keys(record.run);
  const length = record.run[names[0]].length;
  const lines = Array.from({ length }, (_, i) => names.map((name) => record.run[name][i]));
  return csv([names, ...lines]);
}

/** The responsibilities of one E-step as CSV. */
function responsibilitiesCsv(record, resp) {
  const header = ["row", ...record.columns, ...record.gaussians];
  return csv([header, ...record.rows.map((row, i) => [i, ...row, ...resp[i]])]);
}

function csv(lines) {
  const cell = (value) => (value === null ? "" : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return `${lines.map((line) => line.map(cell).join(",")).join("\n")}\n`;
}

/** Hand a text to the reader as a file. */
function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = html("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
