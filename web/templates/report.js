"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const said = make("div");
  said.id = "said";
  said.setAttribute("role", "status");
  document.body.append(said);
  let timer;
  const say = (text) => {
    said.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => { said.textContent = ""; }, 2500);
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = make("textarea", text);
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    say("Copied: " + text);
  };
  const button = (text, label, run) => {
    const made = make("button", text);
    made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", run);
    return made;
  };

  // Each row of a list can be copied as a filter.
  for (const table of document.querySelectorAll("table[data-list]")) {
    const rows = data.lists[table.dataset.list].rows;
    const head = make("th", "Filter");
    head.scope = "col";
    table.tHead.rows[0].append(head);
    const bodies = [...table.tBodies].flatMap((body) => [...body.rows]);
    bodies.forEach((row, at) => {
      const cell = make("td");
      const filter = rows[at] && rows[at][7];
      if (filter) {
        cell.append(button("Copy", "Copy as filter: " + filter, () => copy(filter)));
      }
      row.append(cell);
    });
    if (table.tBodies.length > 1) {
      const count = table.tBodies[1].rows.length;
      const more = button(`Show ${count} more`, "", () => {
        const shown = !table.classList.toggle("fold");
        more.textContent = shown ? "Show fewer" : `Show ${count} more`;
        more.setAttribute("aria-expanded", shown);
      });
      table.classList.add("fold");
      more.className = "show";
      more.setAttribute("aria-expanded", false);
      table.parentElement.after(more);
    }
  }
  for (const table of document.querySelectorAll("table[data-finding]")) {
    for (const code of table.querySelectorAll(".f code")) {
      const text = code.textContent;
      code.after(" ", button("Copy", "Copy as filter: " + text, () => copy(text)));
    }
  }
  for (const code of document.querySelectorAll(".cmd code")) {
    const text = code.textContent;
    code.parentElement.after(button("Copy", "Copy the command", () => copy(text)));
  }

  // What the chart shows at the pointer.
  const short = (value, unit) => {
    let at = 0;
    while (value >= 999.5 && at < 6) { value /= 1000; at += 1; }
    return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${["", "k", "M", "G", "T", "P", "E"][at]}${unit}`;
  };
  const measures = { bits: ["bytes", 8, "bit/s"], packets: ["packets", 1, "/s"], flows: ["flows", 1, "/s"] };
  const time = data.time;
  for (const figure of document.querySelectorAll(".chart")) {
    const [name, factor, unit] = measures[figure.dataset.measure];
    const points = time.points[name];
    const plot = figure.querySelector(".plot");
    const tip = make("div", "", "tip");
    tip.hidden = true;
    figure.append(tip);
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const part = (event.clientX - box.left) / box.width;
      const at = Math.min(points[0].length - 1, Math.max(0, Math.floor(part * points[0].length)));
      const lines = time.classes.map((label, number) => `${label}  ${short(points[number][at] * factor * 1000 / time.interval, unit)}`);
      tip.textContent = new Date(time.start + at * time.interval).toISOString().replace("T", " ").slice(0, 19) + " UTC\n" + lines.join("\n");
      tip.hidden = false;
      const left = Math.min(event.clientX - figure.getBoundingClientRect().left + 14, figure.clientWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, left)}px`;
    });
    plot.addEventListener("pointerleave", () => { tip.hidden = true; });
  }
})();
