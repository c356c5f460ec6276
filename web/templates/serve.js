"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== "") made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const draw = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const button = (text, label, run) => {
    const made = make("button", text);
    made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", run);
    return made;
  };

  // The state is in the address, so that it survives reloading, goes back and can be shared. The token is in the
  // fragment, which browsers do not send.
  const USUAL = { page: "traffic", filter: "", from: "", to: "", metric: "bytes", split: "protocol", fields: "src_addr", by: "bytes", n: "10", cursor: "" };
  let state;
  let meta = null;
  let names = null;
  let series = null;
  const token = () => new URLSearchParams(location.hash.slice(1)).get("token");
  const read = () => {
    const found = new URLSearchParams(location.search);
    state = { ...USUAL };
    for (const key of Object.keys(USUAL)) if (found.get(key)) state[key] = found.get(key);
  };
  const address = (changes) => {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...state, ...changes })) if (value !== USUAL[key]) query.set(key, value);
    const text = query.toString();
    return "/" + (text ? "?" + text : "") + location.hash;
  };
  const go = (changes) => {
    if (!("cursor" in changes)) changes.cursor = "";
    history.pushState(null, "", address(changes));
    show();
  };

  // Requests: a new one of a kind ends the one before, also on the server.
  const running = {};
  const ask = async (kind, name, params) => {
    if (running[kind]) running[kind].abort();
    const control = running[kind] = new AbortController();
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(params || {})) if (value) query.set(key, value);
    const headers = token() ? { authorization: "Bearer " + token() } : {};
    const answer = await fetch("/api/v1/" + name + "?" + query, { headers, signal: control.signal });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error || answer.statusText);
    return found;
  };
  const attempt = async (place, work) => {
    if (place) place.classList.add("busy");
    try {
      await work();
    } catch (error) {
      if (error.name === "AbortError") return;
      problem(error instanceof TypeError ? "nfdecode does not answer: is it still running?" : error.message);
    }
    if (place) place.classList.remove("busy");
  };
  const problem = (text) => {
    $("problem").textContent = text;
    $("problem").hidden = !text;
  };
  let timer;
  const say = (text) => {
    $("said").textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => { $("said").textContent = ""; }, 2500);
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied: " + text);
    } catch {
      say("Copying is not allowed here");
    }
  };

  // Numbers and times for people.
  const short = (value, unit) => {
    let at = 0;
    while (value >= 999.5 && at < 6) { value /= 1000; at += 1; }
    const digits = at === 0 && Number.isInteger(value) ? value.toFixed(0) : value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
    return `${digits} ${["", "k", "M", "G", "T", "P", "E"][at]}${unit}`.trim();
  };
  const count = (value) => Number(value).toLocaleString("en-US");
  const span = (ms) => {
    for (const [length, name] of [[86400000, "d"], [3600000, "h"], [60000, "min"], [1000, "s"]]) if (ms >= length && ms % length === 0) return `${ms / length} ${name}`;
    return ms < 1000 ? `${ms} ms` : ms < 120000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;
  };
  let clock = null;
  const setClock = (zone) => {
    const parts = { hour12: false, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    try {
      clock = new Intl.DateTimeFormat("sv-SE", { ...parts, timeZone: zone || "UTC" });
    } catch {
      clock = new Intl.DateTimeFormat("sv-SE", { ...parts, timeZone: "UTC" });
    }
  };
  setClock("UTC");
  const time = (ms) => clock.format(new Date(ms)).replace(",", "");
  // As the server reads times.
  const asked = (text) => /^\d{5,}$/.test(text) ? text : text.trim().replace(/-/g, "/").replace(/[ T]+/, ".");
  const window_ = () => ({ from: asked(state.from), to: asked(state.to) });

  // The chart.
  const MEASURES = { bytes: [8, "bit/s"], packets: [1, "/s"], flows: [1, "/s"] };
  const nice = (value) => {
    const power = 10 ** Math.floor(Math.log10(value || 1));
    return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999) || 1;
  };
  const TICKS = [1, 10, 100, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000, 172800000, 604800000, 1209600000];
  const plot = () => {
    const box = $("chart");
    box.replaceChildren();
    $("legend").replaceChildren();
    if (!series || !series.times.length) {
      box.append(make("p", series && series.partial ? "Files are being read." : "There are no flows with times here.", "soft"));
      $("caption").textContent = "";
      return;
    }
    const [factor, unit] = MEASURES[state.metric] || MEASURES.bytes;
    const name = MEASURES[state.metric] ? state.metric : "bytes";
    const seconds = series.interval / 1000;
    const bins = series.times.length;
    const sums = Array.from({ length: bins }, () => 0);
    const stacked = series.series.map((one) => one[name].map((value, at) => (sums[at] += value * factor / seconds)));
    const peak = Math.max(...sums);
    const step = nice(peak / 4);
    const top = Math.max(1, Math.ceil(peak / step - 1e-9)) * step;
    const width = box.clientWidth || 900;
    const height = box.clientHeight || 250;
    const [above, below] = [14, 22];
    const inner = height - above - below;
    const y = (value) => above + inner * (1 - value / top);
    const x = (at) => at * width / bins;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" });
    for (let value = 0; value <= top * 1.0001; value += step) svg.append(draw("line", { x1: 0, x2: width, y1: y(value), y2: y(value) }));
    for (let at = stacked.length - 1; at >= 0; at -= 1) {
      let path = `M0 ${y(0)}`;
      stacked[at].forEach((value, bin) => { path += `V${y(value).toFixed(2)}H${x(bin + 1).toFixed(2)}`; });
      svg.append(draw("path", { class: "c" + Math.min(at, 7), d: path + `V${y(0)}z` }));
    }
    for (let value = step; value <= top * 1.0001; value += step) svg.append(draw("text", { x: 2, y: y(value) - 3 }, short(value, unit)));
    const length = series.end - series.start;
    const most = Math.max(2, Math.floor(width / 120));
    const distance = TICKS.find((each) => length / each <= most) || length / most;
    const days = length > 86400000;
    for (let at = Math.ceil(series.start / distance) * distance; at <= series.end; at += distance) {
      const place = (at - series.start) / length * width;
      if (place < 20 || place > width - 30) continue;
      const text = time(at);
      svg.append(draw("line", { x1: place, x2: place, y1: height - below, y2: height - below + 5 }));
      svg.append(draw("text", { x: place, y: height - 5, "text-anchor": "middle" }, distance >= 86400000 ? text.slice(0, 10) : days ? text.slice(5, 16) : distance < 60000 ? text.slice(11) : text.slice(11, 16)));
    }
    const all = series.series.map((one) => one[name].reduce((sum, value) => sum + value, 0));
    const whole = all.reduce((sum, value) => sum + value, 0) || 1;
    series.series.forEach((one, at) => {
      const item = make("li");
      const mark = draw("svg", { "aria-hidden": "true" });
      mark.append(draw("rect", { width: 11, height: 11, class: "c" + Math.min(at, 7) }));
      item.append(mark, `${one.label} ${(all[at] / whole * 100).toFixed(1)} %`);
      $("legend").append(item);
    });
    const highest = sums.indexOf(peak);
    const mean = sums.reduce((sum, value) => sum + value, 0) / bins;
    const words = `average ${short(mean, unit)}, peak ${short(peak, unit)} in the ${span(series.interval)} from ${time(series.times[highest])}`;
    svg.setAttribute("aria-label", `Traffic from ${time(series.start)} to ${time(series.end)}: ${words}`);
    const outside = series.outside && series.outside.flows ? ` ${count(series.outside.flows)} flows begin outside of this time.` : "";
    $("caption").textContent = `${time(series.start)} to ${time(series.end)}, intervals of ${span(series.interval)}; ${words}. Bytes and packets are spread over the life of each flow.${outside}`;
    if (series.partial) $("caption").textContent += " Some files are still being read.";
    box.append(svg);
    pointer(box, svg, { name, factor, seconds, unit, bins });
    const totals = [["Flows", count(series.totals.flows)], ["Packets", short(series.totals.packets, "")], ["Bytes", short(series.totals.bytes, "B")]];
    $("totals").replaceChildren(...totals.map(([label, value]) => {
      const pair = make("div");
      pair.append(make("dt", label), make("dd", value));
      return pair;
    }));
  };
  const pointer = (box, svg, shown) => {
    const tip = make("div", "", "tip");
    tip.hidden = true;
    box.append(tip);
    let begun = null;
    let brush = null;
    const place = (event) => {
      const edge = svg.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - edge.left) / edge.width));
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begun = place(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const now = place(event);
      const at = Math.min(shown.bins - 1, Math.floor(now * shown.bins));
      const lines = series.series.map((one) => `${one.label}  ${short(one[shown.name][at] * shown.factor / shown.seconds, shown.unit)}`);
      tip.textContent = [time(series.times[at]), ...lines].join("\n");
      tip.hidden = false;
      tip.style.left = `${Math.max(0, Math.min(now * box.clientWidth + 14, box.clientWidth - tip.offsetWidth))}px`;
      if (begun === null) return;
      if (!brush) svg.append(brush = draw("rect", { class: "brush", y: 0, height: "100%" }));
      const size = svg.viewBox.baseVal.width;
      brush.setAttribute("x", Math.min(begun, now) * size);
      brush.setAttribute("width", Math.abs(now - begun) * size);
    });
    svg.addEventListener("pointerup", (event) => {
      const [first, last] = [begun, place(event)].sort((a, b) => a - b);
      begun = null;
      if (brush) brush.remove();
      brush = null;
      if (first === null || (last - first) * box.clientWidth < 5) return;
      // Whole intervals, so that the chart has no halves at its edges.
      const at = (bin) => String(series.start + bin * series.interval);
      go({ from: at(Math.floor(first * shown.bins)), to: at(Math.ceil(last * shown.bins)) });
    });
    svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  };

  // Tables. Values can be clicked if the filter language has words for them.
  const table = (heads, rows) => {
    const made = make("table");
    const line = make("tr");
    for (const [text, kind] of heads) {
      const cell = make("th", text, kind);
      cell.scope = "col";
      line.append(cell);
    }
    made.createTHead().append(line);
    const body = made.createTBody();
    for (const row of rows) body.append(row);
    return made;
  };
  const value = (text, term) => {
    if (!term) return document.createTextNode(text);
    const made = button(text, `${text}: filter by this`, (event) => menu(event.currentTarget, term));
    made.setAttribute("aria-haspopup", "true");
    return made;
  };
  const joined = (term, not) => {
    const added = not ? `not (${term})` : term.includes(" and ") ? `(${term})` : term;
    const own = $("filter").value.trim();
    if (!own || own === "any") return added;
    return /\bor\b|\|\|/.test(own) && !/^\([^()]*\)$/.test(own) ? `(${own}) and ${added}` : `${own} and ${added}`;
  };
  const menu = (from, term) => {
    const box = $("menu");
    const end = (run) => () => { box.hidden = true; from.focus(); run(); };
    box.replaceChildren(
      button("Only: " + term, "", end(() => go({ filter: joined(term, false) }))),
      button("Without: " + term, "", end(() => go({ filter: joined(term, true) }))),
      button("Copy as filter", "", end(() => copy(term))),
    );
    box.hidden = false;
    const edge = from.getBoundingClientRect();
    box.style.left = `${Math.max(4, Math.min(edge.left + scrollX, scrollX + document.documentElement.clientWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${edge.bottom + scrollY + 4}px`;
    box.firstChild.focus();
  };
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") $("menu").hidden = true; });
  document.addEventListener("pointerdown", (event) => { if (!$("menu").contains(event.target)) $("menu").hidden = true; });

  const PROTOCOLS = { 1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMP6", 132: "SCTP" };
  const shown = (field, found) => field === "proto" ? PROTOCOLS[found] || String(found) : field === "first" ? String(found).replace("T", " ") : String(found);
  const showTop = (top) => {
    if (!top.rows.length) return $("top").replaceChildren(make("p", "No flows.", "soft"));
    const heads = [...top.fields.map((name) => [name, "t"]), ["Bytes"], ["Packets"], ["Flows"], ["Share"], ["bit/s"], ["First", "t"], ["Last", "t"]];
    const rows = top.rows.map((row) => {
      const line = make("tr");
      row.key.forEach((key, at) => {
        const cell = make(at === 0 ? "th" : "td", "", "t");
        if (at === 0) cell.scope = "row";
        cell.append(value(key === null ? "none" : shown(top.fields[at], key), at === 0 || top.fields.length === 1 ? row.filter : one(top.fields[at], key)));
        line.append(cell);
      });
      for (const text of [short(row.bytes, "B"), short(row.packets, ""), count(row.flows)]) line.append(make("td", text));
      const meter = make("meter");
      meter.max = 100;
      meter.value = row.percent;
      meter.setAttribute("aria-label", "Share");
      const bar = make("td", `${row.percent.toFixed(1)} % `);
      bar.append(meter);
      line.append(bar, make("td", short(row.bps, "")), make("td", row.first === null ? "" : time(row.first), "t"), make("td", row.last === null ? "" : time(row.last), "t"));
      return line;
    });
    const all = top.groups > top.rows.length ? `${top.rows.length} of ${count(top.groups)} groups; ` : "";
    const note = make("p", `${all}all flows: ${count(top.totals.flows)}, ${short(top.totals.bytes, "B")}, counted whole if a part of them is in the time.`, "soft");
    $("top").replaceChildren(table(heads, rows), note);
  };
  const one = (field, key) => {
    const words = names && names.words[field];
    return words && key !== null && key !== undefined && /^[\w.:/-]+$/.test(String(key)) && field !== "tcp_flags" ? `${words} ${key}` : "";
  };
  const showFlows = (page) => {
    if (!page.rows.length) {
      $("flows").replaceChildren(make("p", state.cursor ? "There are no more flows." : "No flows.", "soft"));
    } else {
      const heads = [...page.fields.map((name) => [name, "t"]), ["Details", "t"]];
      const rows = page.rows.map((row) => {
        const line = make("tr");
        for (const field of page.fields) {
          const found = row.flow[field];
          const cell = make("td", "", "t");
          cell.append(value(found === undefined ? "" : shown(field, found), found === undefined ? "" : one(field, found)));
          line.append(cell);
        }
        const cell = make("td", "", "t");
        cell.append(button("all fields", "All fields of the flow", () => details(row.ref)));
        line.append(cell);
        return line;
      });
      $("flows").replaceChildren(table(heads, rows));
    }
    $("next").disabled = !page.next;
    $("next").dataset.cursor = page.next || "";
    $("start").disabled = !state.cursor;
    $("place").textContent = page.next ? "" : "This is the last page.";
  };
  const details = (ref) => attempt(null, async () => {
    const flow = await ask("flow", "flow", { ref });
    const rows = flow.fields.map(([name, text, doc]) => {
      const line = make("tr");
      const head = make("th", name, "t");
      head.scope = "row";
      line.append(head, make("td", text, "t long"), make("td", doc, "t long soft"));
      return line;
    });
    $("flow-body").replaceChildren(make("p", flow.file, "soft"), table([["Field", "t"], ["Value", "t"], ["Meaning", "t"]], rows));
    $("flow").showModal();
  });

  // Everything that is shown for the state.
  const showSeries = (found) => { series = found; plot(); };
  // Reading more than this is worth a question.
  const MUCH = 4e9;
  const showTraffic = async (isWanted) => {
    const selection = { filter: state.filter, ...window_() };
    const chart = { split: state.split };
    const top = { fields: state.fields, by: state.by, n: state.n };
    const flows = attempt($("flows"), async () => showFlows(await ask("flows", "flows", { ...selection, cursor: state.cursor })));
    const view = attempt($("chart"), async () => {
      if (state.filter) {
        $("top").classList.add("busy");
        try {
          const found = await ask("view", "view", { ...selection, ...chart, ...top });
          // The chart is that of the range of all flows: flows of the filter that begin outside of it are reported.
          const beyond = found.top.totals.flows - found.series.totals.flows;
          if (!state.from && !state.to && beyond > 0) found.series.outside = { flows: beyond };
          showSeries(found.series);
          showTop(found.top);
        } finally {
          $("top").classList.remove("busy");
        }
        return;
      }
      const found = await ask("view", "series", { ...selection, ...chart });
      showSeries(found.series);
      const cost = found.cost;
      if (cost.bytes > MUCH && !isWanted) {
        const words = make("p", `This reads ${count(cost.files)} files with ${short(cost.bytes, "B")}. `);
        words.append(button("Count", "", () => showTraffic(true)));
        $("top").replaceChildren(words);
        return;
      }
      attempt($("top"), async () => showTop((await ask("top", "top", { ...selection, ...top })).top));
    });
    await Promise.all([flows, view]);
    showCommands(selection);
  };
  const showCommands = (selection) => attempt(null, async () => {
    const all = [["The chart", { what: "series", split: state.split, every: series ? String(series.interval) : "" }], ["The top list", { what: "top", fields: state.fields, by: state.by, n: state.n }], ["The flows", { what: "read" }]];
    const found = [];
    for (const [label, params] of all) found.push([label, (await ask("command", "command", { ...selection, ...params })).command]);
    $("commands").replaceChildren(...found.flatMap(([label, command]) => {
      const line = make("dd");
      line.append(make("pre", command), button("Copy", `Copy the command for: ${label}`, () => copy(command)));
      return [make("dt", label), line];
    }));
  });
  const showExporters = () => {
    if (!meta.exporters.length) return $("exporters").replaceChildren(make("p", "The files name no exporters.", "soft"));
    const rows = meta.exporters.map((exporter) => {
      const line = make("tr");
      const head = make("th", "", "t");
      head.scope = "row";
      head.append(button(exporter.address, `${exporter.address}: show its flows`, () => go({ page: "traffic", filter: "exporter ip " + exporter.address })));
      line.append(head, make("td", exporter.kinds.join(", "), "t"), make("td", exporter.sampling.map((each) => each > 1 ? `1 of ${count(each)}` : "none").join(", ") || "not said", "t"), make("td", count(exporter.sequence_failures)));
      return line;
    });
    const beyond = meta.exporters_count - meta.exporters.length;
    $("exporters").replaceChildren(table([["Address", "t"], ["Protocol", "t"], ["Sampling", "t"], ["Gaps in sequence"]], rows), make("p", beyond ? `and ${count(beyond)} more` : "", "soft"));
  };
  const list = (kind, title, items) => {
    const all = make("ul", "", "notes");
    for (const text of items) all.append(make("li", text));
    return [make("h3", title, kind), all];
  };
  const showDamage = () => {
    const parts = [make("p", `${count(meta.files.count)} files with ${short(meta.files.bytes, "B")}; ${count(meta.files.read)} of them have been read. Their flows: ${count(meta.flows)}, ${count(meta.packets)} packets, ${short(meta.bytes, "B")}.`)];
    if (meta.time) parts.push(make("p", `The first flow begins ${time(meta.time.first)}, the last one ends ${time(meta.time.last)}.`));
    if (meta.files.problem) parts.push(...list("bad", "The files cannot be listed", [meta.files.problem]));
    const beyond = meta.damage_beyond ? [`and ${count(meta.damage_beyond)} more`] : [];
    if (meta.damage.length) parts.push(...list("bad", "Damaged", [...meta.damage, ...beyond]));
    else parts.push(make("h3", meta.files.read < meta.files.count ? "No damage so far" : "No damage", "good"));
    const slot = (number) => String(number).replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)$/, "$1-$2-$3 $4:$5");
    if (meta.missing.count) parts.push(...list("warn", `${count(meta.missing.count)} files are missing, one each ${meta.missing.minutes} min`, meta.missing.runs.map((run) => `${count(run.count)} between ${slot(run.after)} and ${slot(run.before)}`)));
    if (meta.sampling.length) parts.push(...list("warn", "Sampled", meta.sampling.map((each) => `1 of ${count(each)} packets: numbers are those of the sample`)));
    if (meta.sequence_failures) parts.push(make("p", `Exporters have ${count(meta.sequence_failures)} gaps in their sequence numbers: flows were lost on the way.`, "warn"));
    if (meta.idents.length) parts.push(...list("", "Idents", meta.idents));
    $("damage").replaceChildren(...parts);
  };

  const fill = () => {
    for (const key of ["filter", "metric", "fields", "by", "n"]) $(key).value = state[key];
    for (const key of ["from", "to"]) $(key).value = /^\d{5,}$/.test(state[key]) ? time(Number(state[key])) : state[key];
    $("split").value = state.split;
    if (!names) return;
    $("mistake").textContent = "";
    $("filter").removeAttribute("aria-invalid");
  };
  const show = () => {
    read();
    fill();
    problem("");
    for (const page of ["traffic", "exporters", "damage"]) {
      $("page-" + page).hidden = state.page !== page;
      const link = $("go-" + page);
      link.href = address({ page });
      if (state.page === page) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (state.page === "traffic") showTraffic(false);
    else if (meta) (state.page === "exporters" ? showExporters : showDamage)();
  };

  // What is known of the files grows while they are read, and as they are followed.
  const watch = async (isFirst) => {
    let pause = 1000;
    await attempt(null, async () => {
      const before = meta;
      meta = await ask("meta", "meta");
      setClock(meta.zone);
      const rest = meta.files.read < meta.files.count ? `; reading: ${count(meta.files.read)} of ${count(meta.files.count)} files` : "";
      $("what").textContent = `${meta.paths.join(" ")} — ${count(meta.files.count)} files${rest}`;
      const grew = before && (before.files.read !== meta.files.read || before.files.count !== meta.files.count);
      if (grew && state.page === "traffic" && !state.filter) {
        showSeries((await ask("grow", "series", { ...window_(), split: state.split })).series);
        if (!rest && !state.cursor) showTraffic(false);
      }
      if (grew && state.page !== "traffic") show();
      pause = rest ? 1000 : meta.follows ? 5000 : 0;
    });
    if (isFirst) show();
    if (pause) setTimeout(() => watch(false), pause);
  };

  // Controls.
  let wait;
  $("filter").addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => attempt(null, async () => {
      const text = $("filter").value.trim();
      const found = text ? await ask("check", "filter", { text }) : { valid: true };
      $("filter").setAttribute("aria-invalid", String(!found.valid));
      $("mistake").textContent = found.valid ? "" : found.shown;
    }), 60);
  });
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const kept = (key) => /^\d{5,}$/.test(state[key]) && $(key).value === time(Number(state[key])) ? state[key] : $(key).value.trim();
    const text = $("filter").value.trim();
    attempt(null, async () => {
      const found = text ? await ask("check", "filter", { text }) : { valid: true };
      if (found.valid) return go({ filter: text, from: kept("from"), to: kept("to") });
      $("filter").setAttribute("aria-invalid", "true");
      $("mistake").textContent = found.shown;
      $("filter").focus();
    });
  });
  $("out").addEventListener("click", () => {
    if (!series) return;
    const half = (series.end - series.start) / 2;
    const [from, to] = [Math.max(100000, Math.round(series.start - half)), Math.round(series.end + half)];
    const isAll = meta && meta.time && from <= meta.time.start && to >= meta.time.end;
    go(isAll ? { from: "", to: "" } : { from: String(from), to: String(to) });
  });
  $("clear").addEventListener("click", () => go({ filter: "", from: "", to: "" }));
  $("metric").addEventListener("change", () => {
    history.pushState(null, "", address({ metric: $("metric").value }));
    read();
    plot();
  });
  $("split").addEventListener("change", () => go({ split: $("split").value }));
  for (const key of ["by", "n"]) $(key).addEventListener("change", () => go({ [key]: $(key).value }));
  $("group").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ fields: $("fields").value.trim() || USUAL.fields });
  });
  $("next").addEventListener("click", () => go({ cursor: $("next").dataset.cursor }));
  $("start").addEventListener("click", () => go({ cursor: "" }));
  $("export").addEventListener("click", () => attempt(null, async () => {
    const query = new URLSearchParams({ format: $("format").value });
    for (const [key, text] of Object.entries({ filter: state.filter, ...window_() })) if (text) query.set(key, text);
    if (token()) query.set("ticket", (await ask("ticket", "ticket")).ticket);
    const link = make("a");
    link.href = "/api/v1/export?" + query;
    link.download = "flows." + $("format").value;
    document.body.append(link);
    link.click();
    link.remove();
  }));
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      history.pushState(null, "", link.href);
      show();
    });
  }
  addEventListener("popstate", show);
  addEventListener("hashchange", () => location.reload());
  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { if (series) plot(); }, 100); });

  read();
  attempt(null, async () => {
    names = await ask("names", "fields");
    $("split").replaceChildren(...names.splits.map((name) => make("option", name)));
    $("groups").replaceChildren(...names.groups.map((name) => { const made = make("option"); made.value = name; return made; }));
    fill();
  }).then(() => watch(true));
})();
