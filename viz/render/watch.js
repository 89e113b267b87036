// A training run: its curves, a slider over the steps that were kept, and histograms for the step that is chosen.
// A page that replaces this one while it trains, with the same `run`, stays at the step that was chosen.
(function (id, run, numbers, shapes, samples, curves, spacing, data) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg || !samples.length) return;
  const room = svg.closest(".room"), make = (tag, into, style, text) => {
    const e = into.appendChild(document.createElement(tag));
    e.style.cssText = style || "";
    if (text) e.textContent = text;
    return e;
  };
  const dark = svg.dark(), colours = dark ? ["#5cb8f2", "#f0a830", "#bf94f2"] : ["#0067a8", "#c77700", "#7030a8"];
  const said = x => Number.isFinite(x) ? (x && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(2) : `${+x.toPrecision(4)}`).replace(/-/g, "−") : `${x}`;
  const root = document.createElement("div");
  root.style.cssText = `font:13px/1.5 Arial,sans-serif;color:${dark ? "#dde3ec" : "#1b2130"}`;
  root.dataset.lmSuppressShortcuts = "true";
  room.replaceWith(root);

  // ------------------------------------------------------------------------------------------------- curves
  const total = Math.max(...Object.values(curves).map(c => c.length)) * spacing, lines = make("div", root, "display:flex;flex-wrap:wrap;gap:18px");
  const marks = Object.entries(curves).map(([name, curve], n) => {
    const good = curve.filter(y => y !== null), low = Math.min(...good), high = Math.max(...good), part = make("div", lines);
    const label = make("b", part, "display:block"), plot = part.appendChild(document.createElementNS(svg.namespaceURI, "svg"));
    plot.style.cssText = "width:380px;height:110px;border-bottom:1px solid #8a93a6;cursor:pointer";
    plot.setAttribute("viewBox", "0 0 380 110");
    const at = (y, i) => `${(i * spacing / total * 380).toFixed(1)},${(104 - (y - low) / (high - low || 1) * 98).toFixed(1)}`;
    plot.innerHTML = `<path fill="none" stroke="${colours[n % 3]}" stroke-width="1.5"/><path stroke="#8a93a6" stroke-dasharray="3 3"/>`;
    plot.children[0].setAttribute("d", "M" + curve.flatMap((y, i) => y === null ? [] : [at(y, i)]).join("L"));
    plot.onclick = e => choose(e.offsetX / 380 * total);
    make("div", part, "opacity:.7", `${said(low)} … ${said(high)}, ${total} steps`);
    return step => {
      plot.children[1].setAttribute("d", `M${step / total * 380},0V110`);
      label.textContent = `${name} ${said(curve[Math.min(curve.length - 1, Math.round(step / spacing))])}`;
    };
  });
  const bar = make("div", root, "display:flex;gap:12px;align-items:center;margin:8px 0"), now = make("b", bar, "min-width:90px"), slider = make("input", bar, "flex:1;max-width:680px");
  Object.assign(slider, { type: "range", max: samples.length - 1, value: samples.length - 1, ariaLabel: "Step" });
  const choose = step => {
    slider.value = samples.reduce((best, [s], i) => Math.abs(s - step) < Math.abs(samples[best][0] - step) ? i : best, 0);
    pick();
  };
  const chosen = window.tinygradLite ??= {}, pick = () => {
    chosen[run] = +slider.value < samples.length - 1 ? samples[slider.value][0] : undefined; // the last one: follow along
    show(+slider.value);
  };
  slider.oninput = pick;
  root.append(room);
  const bars = make("div", root, "display:flex;flex-wrap:wrap;gap:4px 34px;margin-top:12px");

  // ---------------------------------------------------------------------------------------- one step of them
  const size = key => (shapes[key] || []).reduce((n, m) => n * m, 1), canvas = document.createElement("canvas"), ready = numbers(data);
  const starts = [];
  samples.reduce((n, [, held]) => { starts.push(n); return held.reduce((n, [key]) => n + size(key), n); }, 0);
  function picture(key, scale, number, from) {
    const shape = shapes[key], [h, w] = [1, 1, ...shape].slice(-2), tiles = size(key) / (h * w), across = Math.max(1, Math.min(tiles, Math.round(Math.sqrt(2 * tiles * h / w))));
    canvas.width = across * w;
    canvas.height = Math.ceil(tiles / across) * h;
    const draw = canvas.getContext("2d"), all = [...Array(size(key)).keys()].map(i => number(from + i)), most = Math.max(...all.map(Math.abs).filter(Number.isFinite), 0) || 1;
    all.forEach((x, i) => {
      const tile = Math.floor(i / (h * w));
      draw.fillStyle = Number.isFinite(x) ? `rgba(${x < 0 ? "0,90,190" : "222,96,0"},${Math.min(1, Math.abs(x) / most) ** .8})` : "#ff00dc";
      draw.fillRect(tile % across * w + i % w, Math.floor(tile / across) * h + Math.floor(i / w) % h, 1, 1);
    });
    return canvas.toDataURL();
  }
  const write = (text, said) => { // what is wider than its card is set closer
    const most = text.parentNode.querySelector(":scope > rect").width.baseVal.value - 8;
    text.textContent = said;
    text.removeAttribute("textLength");
    if (text.getComputedTextLength() > most) {
      text.setAttribute("textLength", most);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  };
  async function show(which) {
    const number = await ready, [step, held] = samples[which];
    let from = starts[which];
    marks.forEach(m => m(step));
    now.textContent = "step " + step;
    bars.replaceChildren();
    const layers = {}, layer = card => { // its frame's title, or that of none
      const name = svg.querySelector(`.fr[data-f="${card.dataset.f}"] text`)?.textContent.replace(/^[▸▾] /, "") || "between the layers";
      return layers[name] ??= (() => {
        const part = make("div", bars, name.startsWith("between") ? "order:1" : "");
        make("b", part, "font-size:15px", name);
        return make("div", part, "display:flex;flex-wrap:wrap;gap:14px");
      })();
    };
    held.forEach(([key, scale, low, high, counts]) => {
      const card = svg.querySelector(`.c[data-n="${Math.abs(key)}"]`), image = card.querySelector("image.v"), text = card.querySelector(".number");
      if (key > 0 && image) {
        image.setAttribute("preserveAspectRatio", "none");
        image.setAttribute("href", picture(key, scale, number, from));
      } else if (key > 0 && text) write(text, said(number(from) * scale));
      const range = card.querySelector(".range");
      if (key > 0 && range && counts.length) write(range, [low, high].map(x => said(+x.toPrecision(2))).join(" … "));
      from += size(key);
      if (!counts.length) return;
      const part = make("div", layer(card), "width:190px"), most = Math.max(...counts), name = [...card.querySelectorAll(".name, .pill text")].map(t => t.textContent).join(" ");
      make("div", part, "", (key < 0 ? "∂ " : "") + name);
      const row = make("div", part, "display:flex;align-items:flex-end;height:46px;gap:1px");
      counts.forEach(n => make("i", row, `flex:1;height:${100 * n / most}%;background:${colours[key < 0 ? 2 : 0]}`));
      make("div", part, "opacity:.7", `${said(low)} … ${said(high)}`);
    });
  }
  if (chosen[run] === undefined) show(samples.length - 1);
  else choose(chosen[run]);
})
