"use strict";
// The curves of a report: uPlot draws them; zoom, pan, keyboard, legend and live data are here.
// Every text of the data becomes a text node, so that none is ever markup.
(() => {
  const MANY = 24; // lines from which a plot names the nearest alone
  const RESTLESS = 50; // heights of a plot that a line goes up and down, from which it is thin: it fills an area anyway
  const MOVED = 60000; // points of many lines that are drawn at each move; all are, once nothing moves
  const REST = 150; // milliseconds without a move
  const root = document.documentElement;
  const place = document.getElementById("charts");
  let data = JSON.parse(document.getElementById("data").textContent);
  let plots = [];
  let colours = {};

  // ------------------------------------------------------------------------------------------------- small things

  const element = (name, properties = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key.includes("-") || key === "role") made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children);
    return made;
  };
  const drawing = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const short = (value) => {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return value.toLocaleString("en");
    return size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  };
  const readColours = () => {
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(name).trim();
    colours = { ink: of("--ink-soft"), grid: of("--grid"), lines: [0, 1, 2, 3, 4, 5, 6, 7].map((k) => of(`--line-${k}`)) };
  };

  // ------------------------------------------------------------------------------------------------- packed curves

  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const decoded = new Map();
  const decode = (number) => {
    if (decoded.has(number)) return decoded.get(number);
    const curve = data.curves[number];
    const packed = bytes(curve.y);
    const bits = new DataView(new ArrayBuffer(4));
    const y = [];
    for (let i = 0; i < packed.length; i += 3) {
      bits.setUint32(0, ((packed[i] << 8) | (packed[i + 1] << 16) | (packed[i + 2] << 24)) >>> 0);
      const value = bits.getFloat32(0);
      y.push(Number.isNaN(value) ? undefined : Number.isFinite(value) ? value : null); // null alone is a gap
    }
    const x = curve.x ? positions(bytes(curve.x), curve.b) : y.map((_, i) => i + 1);
    decoded.set(number, [x, y]);
    return [x, y];
  };
  const positions = (packed, size) => {
    const x = [];
    for (let i = 0, at = 1; i < packed.length; i += size) {
      for (let k = size - 1, step = 0; k >= 0; k--) {
        step = step * 256 + packed[i + k];
        if (k === 0) at += step;
      }
      x.push(at);
    }
    return x;
  };

  // ---------------------------------------------------------------------------------------------- what a plot shows

  const dashes = { train: [6, 4] };
  const others = [undefined, [2, 3], [12, 3], [12, 3, 2, 3]]; // of layers, which share a chart
  const dashOf = (chart, part) => {
    const parts = [...new Set(chart.lines.map((line) => line.part))].filter((name) => !(name in dashes));
    return part in dashes ? dashes[part] : others[parts.indexOf(part) % others.length];
  };
  const hasBands = (chart) => chart.bands.length > 0;
  const colourOf = (chart, run, group, i) => {
    if (data.runs.length === 1) return i;
    return data.groups.length > 1 && data.runs.length > 8 ? group : run;
  };
  const lineLabel = (line) => [data.runs.length > 1 ? data.runs[line.run].name : "", line.part].filter(Boolean).join(" ");

  const entriesOf = (chart, view) => {
    const covered = new Set();
    const entries = [];
    if (view === "intervals") {
      for (const band of chart.bands) {
        const group = data.groups[band.group];
        group.runs.forEach((run) => covered.add(`${run} ${band.part}`));
        entries.push({
          label: [data.groups.length > 1 ? group.name : "mean", band.part].filter(Boolean).join(" "),
          curves: [band.mean, band.high, band.low],
          colour: data.groups.length > 1 ? band.group : entries.length,
          dash: dashOf(chart, band.part),
        });
      }
    }
    chart.lines.forEach((line, i) => {
      if (covered.has(`${line.run} ${line.part}`)) return;
      const group = data.runs[line.run].group;
      entries.push({
        label: lineLabel(line) || chart.title,
        curves: [line.curve],
        colour: colourOf(chart, line.run, group, i),
        dash: dashOf(chart, line.part),
      });
    });
    return entries;
  };

  const LEAST = 1e-30; // far below every logarithmic axis
  const joined = (entries, log) => {
    const tables = entries.flatMap((entry) => entry.curves.map((number, k) => {
      const [x, y] = decode(number);
      const below = k === 2 ? LEAST : null; // an interval goes on below 0, a line has a gap
      return [x, log ? y.map((value) => (value === undefined || value > 0 ? value : below)) : y];
    }));
    const first = tables[0] ? tables[0][0] : [];
    const alike = tables.every(([x]) => x.length === first.length && x.every((value, i) => value === first[i]));
    return alike ? [first, ...tables.map(([, y]) => y)] : uPlot.join(tables);
  };

  // ------------------------------------------------------------------------------------------------ lines and points

  const travel = (number, log) => { // how far a line goes up and down in all, and its least and most
    let [way, low, high, last] = [0, Infinity, -Infinity, null];
    for (const value of decode(number)[1]) {
      if (value == null || (log && value <= 0)) continue;
      const at = log ? Math.log10(value) : value;
      if (last !== null) way += Math.abs(at - last);
      [low, high, last] = [Math.min(low, at), Math.max(high, at), at];
    }
    return { way, low, high };
  };
  const restless = (entries, log) => { // of each entry: whether its line fills an area of the plot
    const ways = entries.map((entry) => travel(entry.curves[0], log));
    const height = ways.reduce((most, { high }) => Math.max(most, high), -Infinity) - ways.reduce((least, { low }) => Math.min(least, low), Infinity);
    return ways.map(({ way }) => way > RESTLESS * height);
  };
  const sparsePoints = (u, k, from, to, stride) => { // the same ones at every move, so that nothing flickers
    const stroke = new Path2D();
    const [x, y] = [u.data[0], u.data[k]];
    for (let i = from - (from % stride), gap = true; i < to + stride; i += stride) {
      if (y[i] === undefined) continue;
      if (y[i] === null) gap = true;
      else {
        stroke[gap ? "moveTo" : "lineTo"](u.valToPos(x[i], "x", true), u.valToPos(y[i], "y", true));
        gap = false;
      }
    }
    return { stroke, fill: null, clip: null, band: null, gaps: [], flags: 1 };
  };

  // --------------------------------------------------------------------------------------------------------- a plot

  class Plot {
    constructor(chart) {
      this.chart = chart;
      this.log = chart.log;
      this.view = hasBands(chart) ? "intervals" : "runs";
      this.hidden = new Set();
      this.box = element("div", { className: "plot-box", tabIndex: 0, role: "application" });
      this.readout = element("li", { className: "readout" });
      this.spoken = element("p", { className: "hidden", "aria-live": "polite" });
      this.legend = element("ul", { className: "legend" });
      this.note = element("figcaption");
      this.figure = element("figure", { className: "chart" }, this.head(), this.box, this.legend, this.note, this.spoken);
      this.box.setAttribute("aria-label", `Curves of ${chart.title} by epoch. Arrow keys move the cursor, plus and minus zoom.`);
      this.box.addEventListener("keydown", (event) => this.key(event));
      place.append(this.figure);
      this.draw();
      new ResizeObserver(() => requestAnimationFrame(() => this.resize())).observe(this.box);
    }

    head() {
      const button = (text, label, action) => {
        const shown = element("span", { textContent: text });
        const more = element("span", { className: "hidden", textContent: ` ${label}: ${this.chart.title}` });
        const made = element("button", { type: "button", className: "button", title: label }, shown, more);
        made.addEventListener("click", () => action(shown));
        return made;
      };
      const tools = [
        button("+", "Zoom in", () => this.zoom(0.5)),
        button("−", "Zoom out", () => this.zoom(2)),
        button("All", "Show all epochs", () => this.all()),
        button(this.log ? "Linear" : "Log", "Linear or logarithmic axis", (made) => {
          this.log = !this.log;
          made.textContent = this.log ? "Linear" : "Log";
          this.draw();
        }),
      ];
      if (hasBands(this.chart)) {
        tools.push(button("Each run", "Each run, or intervals over seeds", (made) => {
          this.view = this.view === "runs" ? "intervals" : "runs";
          made.textContent = this.view === "runs" ? "Intervals" : "Each run";
          this.hidden.clear();
          this.draw();
        }));
      }
      return element("div", { className: "chart-head" }, element("h3", { textContent: this.chart.title }), element("div", { className: "tools" }, ...tools));
    }

    draw() {
      const range = this.u && this.zoomed ? { ...this.range() } : null;
      if (this.u) this.u.destroy();
      clearTimeout(this.rest);
      this.stride = 1;
      this.entries = entriesOf(this.chart, this.view);
      this.first = []; // the number of the series of each entry
      const series = [{ label: "epoch" }];
      const bands = [];
      const many = this.entries.length > MANY;
      const thin = many ? [] : restless(this.entries, this.log);
      const everyPoint = uPlot.paths.linear();
      const paths = (u, k, from, to) => (this.stride > 1 ? sparsePoints(u, k, from, to, this.stride) : everyPoint(u, k, from, to));
      for (const entry of this.entries) {
        const at = series.length;
        const stroke = () => colours.lines[entry.colour % 8];
        const width = many || thin[this.first.length] ? 1 : 2;
        series.push({ label: entry.label, stroke, width, paths: many ? paths : everyPoint, dash: many ? undefined : entry.dash, alpha: many ? (entry.dash ? 0.35 : 0.7) : 1, points: { show: decode(entry.curves[0])[0].length < 2 } });
        this.first.push(at);
        if (entry.curves.length > 1) {
          series.push({ auto: false, points: { show: false } }, { auto: false, points: { show: false } });
          bands.push({ series: [at + 1, at + 2], fill: () => colours.lines[entry.colour % 8] + "33" });
        }
      }
      this.many = many;
      this.u = new uPlot(this.options(series, bands), joined(this.entries, this.log), this.box);
      this.hidden.forEach((k) => this.show(k, false));
      if (range) this.setRange(range.min, range.max);
      this.describe();
    }

    options(series, bands) {
      const rem = parseFloat(getComputedStyle(root).fontSize) / 16;
      const axis = { stroke: () => colours.ink, grid: { stroke: () => colours.grid, width: 1 }, ticks: { show: false }, font: `${12 * rem}px system-ui, sans-serif` };
      const values = (_, ticks) => ticks.map((value) => (value == null ? "" : short(value)));
      const room = { pad: 0.25, soft: 0, mode: 3 }; // for bands: those of few runs are wide, and lines are to fill the plot
      const pan = (u, _, handler) => (event) => (event.shiftKey ? this.pan(event) : handler(event));
      return {
        ...this.size(),
        series,
        bands,
        axes: [{ ...axis, values, space: 60 * rem, size: 32 * rem }, { ...axis, values, size: 64 * rem }],
        scales: { x: { time: false }, y: this.log ? { distr: 3 } : bands.length ? { range: { min: room, max: room } } : {} },
        legend: { show: false },
        cursor: {
          bind: { mousedown: pan, dblclick: () => () => this.all() },
          drag: { x: true, y: false, setScale: true },
          points: { show: !this.many },
          focus: { prox: this.many ? -1 : 24 },
          sync: this.many ? undefined : { key: "curves" },
        },
        focus: { alpha: this.many ? 1 : 0.35 },
        hooks: { setCursor: [() => this.read()], setScale: [(u, key) => key === "x" && this.follow()] },
      };
    }

    size() {
      const width = Math.max(240, this.box.clientWidth);
      return { width, height: Math.round(Math.min(Math.max(width * 0.5, 220), window.innerHeight * 0.6, 720)) };
    }

    resize() {
      const size = this.size();
      if (size.width !== this.u.width) this.u.setSize(size);
    }

    // -------------------------------------------------------------------------------------------- zoom, pan, keys

    ends() {
      const x = this.u.data[0];
      return [x[0], x[x.length - 1]];
    }
    range() {
      return this.u.scales.x;
    }
    setRange(min, max) {
      const [low, high] = this.ends();
      const width = Math.max(Math.min(max - min, high - low), Math.min(2, high - low));
      const left = Math.min(Math.max(min, low), high - width);
      if (this.many) this.move(width / (high - low || 1));
      this.u.setScale("x", { min: left, max: left + width });
    }
    move(share) {
      this.stride = Math.ceil((this.entries.length * this.u.data[0].length * share) / MOVED);
      clearTimeout(this.rest);
      if (this.stride > 1) this.rest = setTimeout(() => {
        this.stride = 1;
        this.u.redraw();
      }, REST);
    }
    all() {
      this.setRange(...this.ends());
    }
    zoom(factor) {
      const { min, max } = this.range();
      const at = this.u.cursor.idx == null ? (min + max) / 2 : this.u.data[0][this.u.cursor.idx];
      const centre = at < min || at > max ? (min + max) / 2 : at;
      this.setRange(centre - (centre - min) * factor, centre + (max - centre) * factor);
    }
    shift(share) {
      const { min, max } = this.range();
      this.setRange(min + (max - min) * share, max + (max - min) * share);
    }
    pan(event) {
      const { min, max } = this.range();
      const scale = (max - min) / this.u.over.clientWidth;
      let wanted = null;
      const move = (now) => {
        if (wanted === null) requestAnimationFrame(() => {
          this.setRange(min - wanted, max - wanted);
          wanted = null;
        });
        wanted = (now.clientX - event.clientX) * scale;
      };
      const end = () => document.removeEventListener("mousemove", move);
      document.addEventListener("mousemove", move);
      document.addEventListener("mouseup", end, { once: true });
    }
    follow() {
      const [low, high] = this.ends();
      const { min, max } = this.range();
      this.zoomed = min > low || max < high;
      this.figure.dataset.range = `${min} ${max}`;
    }

    key(event) {
      const steps = { ArrowLeft: -1, ArrowRight: 1 };
      const last = this.u.data[0].length - 1;
      const actions = {
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
        0: () => this.all(), Escape: () => this.all(),
        PageUp: () => this.shift(-0.5), PageDown: () => this.shift(0.5),
        Home: () => this.moveTo(0), End: () => this.moveTo(last),
      };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key in steps) {
        const from = this.u.cursor.idx ?? (event.key === "ArrowRight" ? -1 : last + 1);
        this.moveTo(Math.min(Math.max(from + steps[event.key] * (event.shiftKey ? 10 : 1), 0), last));
      } else if (event.key in actions) actions[event.key]();
      else return;
      event.preventDefault();
    }

    moveTo(i) {
      const x = this.u.data[0][i];
      const { min, max } = this.range();
      if (x < min || x > max) this.setRange(x - (max - min) / 2, x + (max - min) / 2);
      requestAnimationFrame(() => {
        this.u.setCursor({ left: this.u.valToPos(x, "x"), top: this.u.over.clientHeight / 2 });
        this.spoken.textContent = this.readout.textContent + " " + this.values().slice(0, 6).join(", ");
      });
    }

    // ------------------------------------------------------------------------------------------ legend and numbers

    value(k) {
      const idx = this.u.cursor.idxs ? this.u.cursor.idxs[this.first[k]] : null;
      return idx == null ? null : this.u.data[this.first[k]][idx];
    }
    values() {
      return this.entries.map((entry, k) => `${entry.label} ${short(this.value(k))}`);
    }
    read() {
      if (!this.u) return;
      const idx = this.u.cursor.idx;
      const epoch = idx == null ? "" : `epoch ${short(this.u.data[0][idx])}`;
      const nearest = this.many && idx != null ? this.nearest(idx) : "";
      this.readout.textContent = [epoch, nearest].filter(Boolean).join(": ");
      this.outputs.forEach((output, k) => (output.textContent = idx == null ? "" : short(this.value(k))));
    }
    nearest(idx) {
      const top = this.u.cursor.top;
      let best = null;
      this.entries.forEach((entry, k) => {
        const value = this.u.data[this.first[k]][idx];
        if (value == null) return;
        const away = Math.abs(this.u.valToPos(value, "y") - top);
        if (best === null || away < best.away) best = { away, text: `${entry.label} ${short(value)}` };
      });
      return best ? best.text : "";
    }
    show(k, shown) {
      for (let i = 0; i < this.entries[k].curves.length; i++) this.u.setSeries(this.first[k] + i, { show: shown });
    }
    toggle(k, button) {
      const hidden = !this.hidden.delete(k);
      if (hidden) this.hidden.add(k);
      button.setAttribute("aria-pressed", String(!hidden));
      this.show(k, !hidden);
    }
    describe() {
      this.outputs = [];
      this.legend.replaceChildren();
      if (this.many) this.legend.append(element("li", { textContent: `${this.entries.length} lines: point at one to read its name.` }));
      else this.entries.forEach((entry, k) => this.legend.append(element("li", {}, this.legendButton(entry, k))));
      this.legend.append(this.readout);
      const thinned = data.longest > 0 && this.chart.lines.some((line) => data.curves[line.curve].x);
      this.note.textContent = thinned
        ? `Of ${data.longest.toLocaleString("en")} epochs the least and the most of each of 1,000 intervals are drawn. `
        : "";
      if (this.view === "intervals") this.note.textContent += "Lines are means over seeds, bands Student's 95% intervals of the mean.";
    }
    legendButton(entry, k) {
      const sample = drawing("svg", { class: "sample", viewBox: "0 0 32 4", "aria-hidden": "true" });
      sample.append(drawing("path", { d: "M0 2H32", "stroke-dasharray": (entry.dash || []).join(" ") || "none" }));
      sample.style.color = `var(--line-${entry.colour % 8})`;
      const output = element("output", {});
      this.outputs.push(output);
      const button = element("button", { type: "button", "aria-pressed": String(!this.hidden.has(k)) }, sample, element("span", { textContent: entry.label }), output);
      button.addEventListener("click", () => this.toggle(k, button));
      return button;
    }

    update(chart) {
      const [low, high] = this.u.data[0].length ? this.ends() : [0, 0];
      const alike = JSON.stringify(chart.lines.map(({ run, part }) => [run, part])) === JSON.stringify(this.chart.lines.map(({ run, part }) => [run, part]));
      this.chart = chart;
      if (!alike) return this.draw();
      this.entries = entriesOf(chart, this.view);
      this.u.setData(joined(this.entries, this.log), !this.zoomed || high === low);
      this.describe();
    }
  }

  // ------------------------------------------------------------------------------------------------------- the page

  const drawAll = () => {
    const known = new Map(plots.map((plot) => [plot.chart.title, plot]));
    plots = data.charts.map((chart) => {
      const plot = known.get(chart.title);
      if (!plot) return new Plot(chart);
      plot.update(chart);
      return plot;
    });
  };
  const listen = () => {
    const state = document.getElementById("state");
    const events = new EventSource("events");
    events.onmessage = (message) => {
      data = JSON.parse(message.data);
      decoded.clear();
      drawAll();
      showStatus();
      state.textContent = "live";
    };
    events.addEventListener("end", () => {
      events.close();
      state.textContent = "all runs are over";
    });
    events.onerror = () => (state.textContent = "not connected");
  };
  const showStatus = () => {
    const status = document.getElementById("status");
    if (!status || !data.status) return;
    const cells = (name, texts) => texts.map((text) => element(name, { textContent: text }));
    const head = element("tr", {}, ...cells("th", data.status.header));
    const rows = data.status.rows.map((texts) => element("tr", {}, ...cells("td", texts)));
    status.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  };
  const retint = () => {
    readColours();
    plots.forEach((plot) => plot.u.redraw(false, true));
  };

  readColours();
  if (place) drawAll();
  showStatus();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retint);
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    retint();
  });
  if (data.live) listen();
  window.report = { plots: () => plots }; // for tests, and for those who look
})();
