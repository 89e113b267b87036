// A click on a card shows it large, between what it was computed from and what was computed from it.
// Pointing at a cell lights the cells that belong to it.
(function (id, numbers, cards, patterns, links, data) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg) return;
  const of = Object.fromEntries(cards.map(([key, shape, sizes, blocks, ...scales]) => [key, { key, shape, sizes, blocks, scales }]));
  const count = c => c.sizes.reduce((n, m) => n * m, 1);
  let ready = null;

  async function unpack() {
    const number = await numbers(data);
    let at = 0;
    cards.forEach(([key]) => {
      const c = of[key];
      c.maps = c.scales.map(scale => Float64Array.from({ length: count(c) }, () => number(at++) * scale));
    });
  }

  // Places: which elements of the other side belong to this one, along one axis.
  const place = (c, i) => {
    const at = [];
    for (let k = c.sizes.length; k--; i = Math.floor(i / c.sizes[k])) at[k] = i % c.sizes[k];
    return at;
  };
  const range = (pattern, from, at) => {
    if (typeof pattern === "number") return [at[pattern] * from.blocks[pattern], (at[pattern] + 1) * from.blocks[pattern] - 1];
    const [on, table] = pattern, long = k => Math.min(from.shape[k], from.sizes[k] * from.blocks[k]);
    return table[on.reduce((n, k) => n * long(k) + at[k] * from.blocks[k], 0)];
  };
  const meets = (span, i, b) => {
    if (!span) return false;
    const [low, high, step = 1] = span;
    return b > 1 ? high >= i * b && low < (i + 1) * b : i >= low && i <= high && (i - low) % step === 0;
  };
  const joined = (link, from, at, to, there) => link.every((p, k) => meets(range(patterns[p], from, at), there[k], to.blocks[k]));
  // The cells of card `to` that are lit by cell `i` of card `from`, and whether a gradient goes between the two.
  const bit = (bits, i) => !bits || atob(bits).charCodeAt(i >> 3) >> (7 - (i & 7)) & 1;
  const lit = (from, i, to) => {
    const at = place(from, i), found = new Map();
    links.forEach(([x, y, ahead, axes, flows]) => {
      const there = x === from.key && y === to.key;
      if (!there && !(y === from.key && x === to.key)) return;
      for (let j = count(to); j--;) {
        const target = place(to, j);
        if (there === !!ahead ? joined(axes, from, at, to, target) : joined(axes, to, target, from, at)) found.set(j, bit(flows, there ? i : j));
      }
    });
    return found;
  };

  // ----------------------------------------------------------------------------------------------- one tensor
  const said = x => Number.isFinite(x) ? (Math.abs(x) >= 1e4 || x && Math.abs(x) < 1e-3 ? x.toExponential(1) : `${+x.toPrecision(3)}`).replace(/-/g, "−") : `${x}`;
  const make = (tag, into, style, text) => {
    const e = into.appendChild(document.createElement(tag));
    e.style.cssText = style || "";
    if (text) e.textContent = text;
    return e;
  };
  function grid(c, into, wide, high, point) {
    const [h, w] = [1, 1, ...c.sizes].slice(-2), tiles = count(c) / (h * w), canvas = make("canvas", into, "display:block;margin:4px 0 8px;cursor:crosshair");
    let which = 0, marked = new Map(), near = null, cell, across;
    for (cell of [46, 32, 22, 15, 10, 7, 5, 3]) {
      across = Math.max(1, Math.min(tiles, Math.floor((wide + 4) / (w * cell + 4))));
      if (w * cell <= wide && Math.ceil(tiles / across) * (h * cell + 4) <= high) break;
    }
    canvas.width = across * (w * cell + 4);
    canvas.height = Math.ceil(tiles / across) * (h * cell + 4);
    const corner = i => {
      const tile = Math.floor(i / (h * w)), r = Math.floor(i / w) % h;
      return [(tile % across) * (w * cell + 4) + i % w * cell, Math.floor(tile / across) * (h * cell + 4) + r * cell];
    };
    function paint() {
      const draw = canvas.getContext("2d"), map = c.maps[which], most = map.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 0) || 1;
      const dark = into.closest("[data-dark]").dataset.dark === "1";
      draw.clearRect(0, 0, canvas.width, canvas.height);
      draw.font = (cell > 40 ? 12 : 10) + "px Arial,sans-serif";
      draw.textAlign = "center";
      const one = (x, left, top, cell) => {
        const part = Math.min(1, Math.abs(x) / most) ** .8, s = cell - (cell > 5);
        draw.fillStyle = Number.isFinite(x) ? `rgba(${(which ? ["112,48,168", "0,130,84"] : ["0,90,190", "222,96,0"])[+(x >= 0)]},${part})` : "#ff00dc";
        draw.fillRect(left, top, s, s);
        if (cell > 5) { draw.strokeStyle = "#8a93a640"; draw.strokeRect(left + .5, top + .5, s - 1, s - 1); }
        if (cell > 30) { draw.fillStyle = dark || part > .55 ? "#fff" : "#1b2130"; draw.fillText(said(x), left + s / 2, top + s / 2 + 4, s - 2); }
      };
      map.forEach((x, i) => {
        const [left, top] = corner(i), s = cell - (cell > 5);
        one(x, left, top, cell);
        if (marked.has(i)) {
          draw.strokeStyle = marked.get(i);
          draw.lineWidth = 2;
          draw.strokeRect(left + .5, top + .5, s - 1, s - 1);
          draw.lineWidth = 1;
        }
      });
      if (near === null || cell > 30) return;
      // A lens: the numbers around the cell that is pointed at.
      const r = Math.floor(near / w) % h, k = near % w, high = Math.min(h, 5), long = Math.min(w, 5), top = Math.max(0, Math.min(h - high, r - 2)), left = Math.max(0, Math.min(w - long, k - 2));
      const [x, y] = corner(near), at = [x + cell + 6 + 38 * long > canvas.width ? Math.max(0, x - 6 - 38 * long) : x + cell + 6, Math.max(0, Math.min(canvas.height - 38 * high, y - 76))];
      draw.fillStyle = dark ? "#0d1117" : "#fff";
      draw.fillRect(at[0] - 2, at[1] - 2, 38 * long + 4, 38 * high + 4);
      for (let i = 0; i < high; i++) for (let j = 0; j < long; j++) one(map[near - k + left + j + (top + i - r) * w], at[0] + 38 * j, at[1] + 38 * i, 38);
      draw.strokeStyle = dark ? "#fff" : "#000";
      draw.strokeRect(at[0] + 38 * (k - left) + .5, at[1] + 38 * (r - top) + .5, 36, 36);
    }
    canvas.onmousemove = e => {
      const x = e.offsetX, y = e.offsetY, wide = w * cell + 4, tall = h * cell + 4;
      const tile = Math.floor(y / tall) * across + Math.floor(x / wide), r = Math.floor(y % tall / cell), k = Math.floor(x % wide / cell);
      if (tile < tiles && r < h && k < w) point(c, (tile * h + r) * w + k);
    };
    canvas.onmouseleave = () => point(null);
    const own = { c, canvas, mark: (m, i = null) => { marked = m; near = i; paint(); }, turn: n => { which = n; paint(); } };
    return own;
  }

  // ------------------------------------------------------------------------------------------------ the panel
  const panel = make("div", box, "display:none;position:fixed;inset:3%;z-index:9998;overflow:auto;border-radius:12px;padding:16px 20px;" +
    "box-shadow:0 8px 40px #0009;font:13px/1.45 Arial,sans-serif");
  panel.role = "dialog";
  const look = "font:inherit;height:28px;border:1px solid #8a93a655;border-radius:6px;background:#8a93a622;color:inherit;padding:0 11px;margin-right:8px;cursor:pointer";
  async function open(key) {
    await (ready ??= unpack());
    const c = of[key], dark = svg.dark();
    const card = k => svg.querySelector(`.c[data-n="${k}"]`), lines = k => (card(k).tip || card(k).querySelector("title").textContent).split("\n");
    const title = k => (card(k).querySelector(".name")?.textContent || "") + " " + (card(k).querySelector(".pill text")?.textContent || "");
    panel.replaceChildren();
    panel.dataset.dark = +dark;
    Object.assign(panel.style, { display: "block", background: dark ? "#0d1117" : "#fff", color: dark ? "#dde3ec" : "#1b2130" });
    const bar = make("div", panel), grids = [];
    const close = make("button", bar, look, "✕ Close");
    close.onclick = hide;
    ["value", "gradient"].slice(0, c.scales.length).forEach((text, n) => {
      make("button", bar, look, text).onclick = () => grids.forEach(g => g.turn(g.c.scales.length > n ? n : 0));
    });
    const read = make("b", bar, "margin:0 18px 0 8px;font-family:Menlo,monospace", "Point at a cell.");
    make("span", bar, "opacity:.7", "Grey: it was computed from it, but no gradient goes there.");
    const columns = make("div", panel, "display:flex;gap:26px;align-items:flex-start;margin-top:10px");
    const point = (at, i) => {
      if (at) {
        const where = place(at, i).map((n, k) => at.blocks[k] > 1 ? `${n * at.blocks[k]}…` : n).join(",");
        read.textContent = `${title(at.key).trim()}[${where}] = ${said(at.maps[0][i])}` + (at.maps[1] ? `   ∂ ${said(at.maps[1][i])}` : "");
      }
      grids.forEach(g => {
        const marks = new Map();
        if (at) lit(at, i, g.c).forEach((flows, j) => marks.set(j, !flows ? "#8a93a6" : g.side < 0 ? "#e0007a" : dark ? "#ffd23f" : "#111"));
        if (at === g.c) marks.set(i, dark ? "#fff" : "#000");
        g.mark(marks, at === g.c ? i : null);
      });
    };
    const near = side => [...new Set(links.filter(l => l[side] === +key).map(l => l[1 - side]))];
    const wide = innerWidth * .94 - 130, third = Math.floor(wide / 3.6);
    [["computed from", near(1), -1], ["", [+key], 0], ["goes into", near(0), 1]].forEach(([head, keys, side]) => {
      if (!keys.length) return;
      const column = make("div", columns, "min-width:0");
      if (head) make("div", column, "opacity:.7;margin-bottom:4px", head);
      keys.forEach(k => {
        const x = of[k], whole = x.sizes.every((n, i) => n * x.blocks[i] >= x.shape[i]), pooled = x.blocks.some(b => b > 1);
        make("b", column, "display:block;cursor:pointer", title(k)).onclick = () => open(k);
        if (!side) make("div", column, "white-space:pre-wrap;max-width:520px;opacity:.8", lines(k).slice(1).join("\n"));
        const g = grid(x, column, side ? third : wide - 2 * third, side ? Math.max(90, innerHeight * .78 / keys.length - 46) : innerHeight * .55, point);
        g.side = side;
        grids.push(g);
        if (!whole || pooled) make("div", column, "opacity:.7", pooled ? `each cell: the largest of ${x.blocks.slice(-2).join("×")}` : `shown: the first ${x.sizes.join("×")} of ${x.shape.join("×")}`);
        if (!side) histogram(x, column, dark);
      });
    });
    grids.forEach(g => g.mark(new Map()));
    close.focus();
  }
  function histogram(c, into, dark) {
    const bins = 31, box = make("div", into, "display:flex;gap:26px");
    c.maps.forEach((map, n) => {
      const good = map.filter(Number.isFinite), low = Math.min(...good), high = Math.max(...good), found = Array(bins).fill(0);
      if (good.length < 2 || !(high > low)) return;
      good.forEach(x => { found[Math.min(bins - 1, Math.floor((x - low) / (high - low) * bins))]++; });
      const most = Math.max(...found), part = make("div", box), bars = make("div", part, "display:flex;align-items:flex-end;height:64px;gap:1px");
      found.forEach(k => make("i", bars, `width:6px;height:${100 * k / most}%;background:${(dark ? ["#5cb8f2", "#bf94f2"] : ["#0067a8", "#7030a8"])[n]}`));
      make("div", part, "opacity:.7", `${["values", "gradients"][n]}: ${said(low)} … ${said(high)}`);
    });
  }
  const hide = () => { panel.style.display = "none"; };
  let down = null;
  svg.addEventListener("pointerdown", e => { down = [e.clientX, e.clientY]; });
  svg.addEventListener("click", e => {
    const c = e.target.closest(".c[data-n]");
    if (c && of[c.dataset.n] && down && Math.hypot(e.clientX - down[0], e.clientY - down[1]) < 4) open(c.dataset.n);
  });
  svg.addEventListener("keydown", e => {
    const c = e.target.closest?.(".c[data-n]");
    if (e.key === "Enter" && c && of[c.dataset.n]) open(c.dataset.n);
  });
  addEventListener("keydown", e => { if (e.key === "Escape") hide(); });
})
