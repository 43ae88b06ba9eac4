"use strict";
(() => {
  const { rule, numbers } = JSON.parse(document.getElementById("numbers").textContent);
  const panel = document.getElementById("panel");
  const MATHML = "http://www.w3.org/1998/Math/MathML";
  const into = {};
  for (const [key, number] of Object.entries(numbers))
    for (const source of sources(number)) (into[source] ??= new Set()).add(key);

  function sources([, , , , terms]) { return new Set(terms.flatMap(([, ...factors]) => factors)); }

  function node(name, ...inside) {
    const made = document.createElementNS(MATHML, name);
    made.append(...inside);
    return made;
  }
  const sign = (text) => node("mo", text);
  const digits = (value) => typeof value === "string" ? value : String(Number(value.toPrecision(5))).replace("-", "\u2212");

  function symbol(key) {
    const [letter, layer, index] = numbers[key];
    const place = [...(layer === null ? [] : [layer]), ...index].join(",");
    const below = (name) => place ? node("msub", node("mi", name), node("mrow", node("mn", place))) : node("mi", name);
    const ratio = (name) => node("mfrac", node("mrow", sign("\u2202"), node("mi", "L")), node("mrow", sign("\u2202"), below(name)));
    if (letter === "dL/dv") return ratio("v");
    if (key.startsWith("measured-")) return node("msup", ratio(letter.slice(1)), node("mtext", "measured"));
    if (key.startsWith("after-") || key.startsWith("L'")) return node("msup", below(letter), node("mo", "\u2032"));
    if (letter === "delta") return below("\u03b4");
    if (letter === "phi'") return below("\u03c6\u2032");
    if (letter === "J") return node("mfrac", node("mrow", sign("\u2202"), node("msub", node("mi", "v"), node("mn", String(index[0])))),
      node("mrow", sign("\u2202"), node("msub", node("mi", "u"), node("mn", String(index[1])))));
    return letter.startsWith("d") && key.startsWith(letter) ? ratio(letter.slice(1)) : below(letter);
  }

  function value(key) {
    const number = numbers[key][3], text = node("mn", digits(number));
    return number < 0 ? node("mrow", sign("("), text, sign(")")) : text;
  }

  function sum([, , , , terms, , rest, left], show, numeric) {
    const parts = [];
    terms.forEach(([plus, ...factors], at) => {
      if (at || plus < 0) parts.push(sign(plus < 0 ? "\u2212" : "+"));
      factors.forEach((factor, i) => parts.push(...(i ? [sign("\u00b7")] : []), show(factor)));
    });
    if (left) parts.push(sign("+"), numeric ? node("mn", digits(rest)) : node("mtext", `${left} more`));
    return parts;
  }

  function line(...parts) {
    const made = document.createElement("p");
    made.className = "formulas";
    const math = node("math", ...parts);
    made.append(math);
    return made;
  }

  function text(words) {
    const made = document.createElement("p");
    made.textContent = words;
    return made;
  }

  function explanation(key) {
    const number = numbers[key], [, , , , terms, called, , , name] = number;
    const end = [sign("="), node("mn", digits(number[3]))];
    if (called === "difference") return [line(symbol(key), sign("="), node("mfrac",
      node("mrow", node("mi", "L"), node("mtext", "(w + h) \u2212 "), node("mi", "L"), node("mtext", "(w \u2212 h)")),
      node("mrow", node("mn", "2"), node("mi", "h"))), ...end), text("two runs of the row, one weight moved; no derivation")];
    if (called === "update") return [line(symbol(key), ...end), text(`after the update by ${rule}`)];
    if (!terms.length) return [line(symbol(key), ...end), text(name ? `given: ${name}` : "given")];
    const several = terms.length > 1 || terms[0].length > 2;
    const wrap = (parts) => called ? [node("mi", called), sign("("), ...parts, sign(")")] : parts;
    if (called && several) return [line(symbol(key), sign("="), node("mi", called), sign("("), node("mtext", "\u2026"), sign(")"), ...end),
      text(name ? `of ${name}` : "of the numbers that are marked")];
    const letters = line(symbol(key), sign("="), ...wrap(sum(number, symbol, false)));
    return [letters, line(sign("="), ...wrap(sum(number, value, true)), ...end)];
  }

  function drawn(key) {
    const edge = /^(?:measured-|after-)?d?(w-\d+-\d+\.\d+)$/.exec(key);
    if (edge) return edge[1];
    const unit = /^(?:u|v|slope|dv|delta|(?:measured-|after-)?d?b)-(\d+)-(\d+)$/.exec(key);
    return unit ? `unit-${unit[1]}-${unit[2]}` : "";
  }

  function mark(key, name) {
    for (const each of document.querySelectorAll(`[data-k="${CSS.escape(key)}"]`)) each.classList.add(name);
    const place = drawn(key);
    if (place && name !== "into") for (const each of document.querySelectorAll(`[data-n="${place}"]`)) each.classList.add("hit");
  }

  function clear() {
    for (const each of document.querySelectorAll(".here, button.from, button.into, .hit"))
      each.classList.remove("here", "from", "into", "hit");
  }

  function show(key) {
    clear();
    for (const source of sources(numbers[key])) mark(source, "from");
    for (const target of into[key] ?? []) mark(target, "into");
    mark(key, "here");
    panel.replaceChildren(...explanation(key));
    panel.hidden = false;
  }

  const buttons = [...document.querySelectorAll("button[data-k]")];
  let focused = null;
  for (const each of document.querySelectorAll("table"))
    each.querySelectorAll("button").forEach((button, at) => { button.tabIndex = at ? -1 : 0; });
  for (const button of buttons) {
    button.addEventListener("pointerenter", () => show(button.dataset.k));
    button.addEventListener("click", () => { button.focus(); show(button.dataset.k); });
    button.addEventListener("focus", () => { focused = button; show(button.dataset.k); });
    button.addEventListener("pointerleave", () => { if (focused) show(focused.dataset.k); });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { clear(); panel.hidden = true; focused = null; return; }
    const cell = document.activeElement?.closest?.("td"), step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!cell || !step) return;
    const row = cell.parentElement, rows = [...row.parentElement.rows];
    const next = rows[rows.indexOf(row) + step[0]]?.cells[cell.cellIndex + step[1]]?.querySelector("button");
    if (!next) return;
    event.preventDefault();
    document.activeElement.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
})();
