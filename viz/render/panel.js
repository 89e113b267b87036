// The panel of an explorer: a slider for each number, and beside it what the number does to the end.
// Returns a function that shows [∂, its central difference] for each slider, and a line on the end.
(function (root, css, scope, sliders, change) {
  const make = (tag, name, into, text) => {
    const e = into.appendChild(document.createElement(tag));
    e.className = name;
    if (text) e.textContent = text;
    return e;
  };
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the keys to us
  make("style", "", root, css.replace(/&/g, scope));
  const told = make("div", "told", root), bar = make("div", "bar", told), say = make("div", "say", told);
  const end = make("div", "head", say), grid = make("div", "knobs", say);
  ["", "", "", "∂", "by differences"].forEach(text => make("b", "", grid, text));
  const now = sliders.map(s => s[1]), rows = sliders.map(([name, value], i) => {
    const span = Math.max(2, 2 * Math.abs(value));
    make("span", "", grid, name);
    const [slide, type] = ["range", "number"].map(kind => {
      const input = make("input", "", grid);
      input.type = kind;
      input.ariaLabel = name;
      return input;
    });
    Object.assign(slide, { min: value - span, max: value + span, step: span / 200, value });
    Object.assign(type, { step: "any", value: +value.toPrecision(6) });
    const set = x => {
      if (!Number.isFinite(x)) return;
      now[i] = x;
      change(now);
    };
    slide.oninput = () => { type.value = +(+slide.value).toPrecision(6); set(+slide.value); };
    type.onchange = () => { slide.value = type.value; set(type.value === "" ? NaN : +type.value); };
    return { slide, type, told: [make("span", "came", grid), make("span", "", grid)] };
  });
  const reset = make("button", "", bar, "Reset");
  reset.onclick = () => {
    rows.forEach((r, i) => { r.slide.value = now[i] = sliders[i][1]; r.type.value = +now[i].toPrecision(6); });
    change(now);
  };
  make("span", "note", bar, "Move a slider, or type a number.");
  return (line, found) => {
    end.textContent = line;
    found.forEach((pair, i) => pair.forEach((text, j) => { rows[i].told[j].textContent = text; }));
  };
})
