// A click on a frame's title closes it, or opens it again. What is then empty is cut out of the page, along both axes:
// every card, frame and edge keeps its place beside the others.
(function (id, most) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg || !svg.querySelector(".fr")) return;
  const whole = svg.viewBox.baseVal, size = [whole.width, whole.height], down = svg.dataset.flow === "TB" ? 1 : 0;
  const wraps = svg.dataset.wraps ? svg.dataset.wraps.split(" ").map(Number) : [], HIGH = 42, ROOM = 20, frames = {}, closed = new Set();
  const set = (e, to) => Object.entries(to).forEach(([name, v]) => e.setAttribute(name, v));
  const near = (e, names) => names.map(name => +e.getAttribute(name));
  svg.querySelectorAll(".fr").forEach(g => {
    const rects = [...g.querySelectorAll("rect")], front = rects[rects.length - 1], text = g.querySelector("text");
    const [x, y, w, h] = near(front, ["x", "y", "width", "height"]), say = text.innerHTML;
    frames[g.dataset.f] = { key: g.dataset.f, up: g.dataset.up, g, rects, text, say, low: [x, y], high: [x + w, y + h],
      long: text.getComputedTextLength(), at: near(text, ["x", "y"]), offsets: rects.map(r => near(r, ["x", "y"]).map((v, i) => v - [x, y][i])) };
  });
  const cards = [...svg.querySelectorAll(".c[data-n]")].map(c => {
    const at = c.getAttribute("transform").match(/[-\d.]+/g).map(Number), b = c.getBBox();
    return { c, at, f: c.dataset.f, low: [at[0] + b.x, at[1] + b.y], high: [at[0] + b.x + b.width, at[1] + b.y + b.height] };
  });
  const of = Object.fromEntries(cards.map(c => [c.c.dataset.n, c]));
  const edges = [...svg.querySelectorAll(".e")].map(e => {
    const [shaft, head] = e.children;
    return { e, shaft, head, was: [shaft.getAttribute("d"), head.getAttribute("d")], s: of[e.dataset.s], t: of[e.dataset.t] };
  });
  const view = box.querySelector(".view"); // at which scale a drawing of this size fits in
  const page = (w, h) => Math.min(view.clientWidth / w, (parseFloat(getComputedStyle(view).maxHeight) || innerHeight) / h);
  // The outermost closed frame around something in frame f.
  const hides = f => {
    let found = null;
    for (; frames[f]; f = frames[f].up) if (closed.has(f)) found = frames[f];
    return found;
  };
  const around = (f, key) => { for (; frames[f]; f = frames[f].up) if (f === key) return true; return false; };
  const sampled = edge => edge.points ??= (() => { // an edge as it was drawn, point by point
    set(edge.shaft, { d: edge.was[0] });
    const long = edge.shaft.getTotalLength(), n = Math.max(2, Math.ceil(long / 7)), tip = edge.was[1].match(/[-\d.]+/g).slice(0, 2).map(Number);
    return [...Array(n).keys()].map(i => { const p = edge.shaft.getPointAtLength(long * i / (n - 1)); return [p.x, p.y]; }).concat([tip]);
  })();
  const inside = ([x, y], f) => x >= f.low[0] && x <= f.high[0] && y >= f.low[1] && y <= f.high[1];

  function arrange() {
    const shut = Object.values(frames).filter(f => closed.has(f.key) && hides(f.key) === f);
    shut.forEach(f => { // its small box: at the start of the flow, where most arrows come and go
      const wide = f.long + 78, start = f.low[down] + ROOM, across = 1 - down, half = (down ? wide : HIGH) / 2;
      const ways = edges.map(e => e.s && e.t && around(e.s.f, f.key) !== around(e.t.f, f.key) ? sampled(e).find((p, i, all) => inside(p, f) !== inside(all[0], f)) : 0);
      const mid = ways.filter(Boolean).map(p => p[across]).sort((a, b) => a - b), at = mid[mid.length >> 1] ?? (f.low[across] + f.high[across]) / 2;
      const side = Math.max(f.low[across] + 4, Math.min(f.high[across] - 4 - 2 * half, at - half));
      f.box = down ? [side, start, wide, HIGH] : [start, side, wide, HIGH];
    });
    // What may go along each axis; along the flow, each column has its own.
    const cut = (axis, mine) => {
      const keep = cards.filter(c => !hides(c.f) && mine(c)).map(c => [c.low[axis] - ROOM, c.high[axis] + ROOM]);
      shut.filter(mine).forEach(f => keep.push([f.box[axis] - ROOM, f.box[axis] + f.box[axis + 2] + ROOM]));
      Object.values(frames).filter(f => !hides(f.key) && mine(f)).forEach(f => keep.push([f.low[axis], f.low[axis] + (axis ? 28 : f.long + 24)]));
      keep.sort((a, b) => a[0] - b[0]);
      const found = [];
      shut.filter(mine).map(f => [f.low[axis] + 4, f.high[axis] - 4]).sort((a, b) => a[0] - b[0]).forEach(([low, high]) => {
        let from = Math.max(low, found.length ? found[found.length - 1][1] : low);
        keep.forEach(([a, b]) => {
          if (a > from && from < high) found.push([from, Math.min(a, high)]);
          from = Math.max(from, b);
        });
        if (from < high) found.push([from, high]);
      });
      return found;
    };
    const across = 1 - down, cuts = [], column = p => wraps.filter(at => at <= p[across]).length;
    cuts[across] = [cut(across, () => true)];
    cuts[down] = [...wraps, 0].map((_, k) => cut(down, o => column(o.low) === k));
    const moved = p => [0, 1].map(i => cuts[i][i === down ? column(p) : 0].reduce((to, [a, b]) => to - Math.max(0, Math.min(p[i], b) - a), p[i]));
    const outer = [...cards.filter(c => !frames[c.f]), ...Object.values(frames).filter(f => !frames[f.up])];
    const ends = i => Math.max(...outer.map(o => o.high[i])) - Math.max(...outer.map(o => moved(o.high)[i])), gone = [ends(0), ends(1)];
    // Wrapped once, where few arrows cross, if the whole is larger then.
    let far = [size[0] - gone[0], size[1] - gone[1]], split = Infinity, shift = [0, 0], lanes = 0;
    if (shut.length && !wraps.length) {
      const spans = outer.map(o => [moved(o.low)[down], moved(o.high)[down]]).sort((a, b) => a[0] - b[0]);
      const top = spans[0][0], end = Math.max(...spans.map(s => s[1])), gaps = [];
      spans.reduce((low, [a, b]) => { if (a > low + 8) gaps.push((a + low) / 2); return Math.max(low, b); }, spans[0][1]);
      const crossing = y => edges.filter(e => sampled(e).some(p => moved(p)[down] < y) && sampled(e).some(p => moved(p)[down] > y)).length;
      const at = gaps.filter(y => crossing(y) < 5).sort((a, b) => Math.max(a - top, end - a) - Math.max(b - top, end - b))[0];
      if (at) {
        const long = far[down] - end + Math.max(at, top + end - at) + 24, wide = 2 * far[1 - down] + 24, next = down ? [wide, long] : [long, wide];
        if (page(...next) > 1.15 * page(...far)) {
          split = at;
          shift[down] = top - at + 18;
          shift[1 - down] = far[1 - down] + 12;
          far = next;
        }
      }
    }
    const beyond = p => moved(p)[down] > split, place = p => moved(p).map((v, i) => v + (beyond(p) ? shift[i] : 0));
    cards.forEach(({ c, at, low, f }) => {
      c.style.display = hides(f) ? "none" : "";
      set(c, { transform: `translate(${place(low).map((v, i) => v + at[i] - low[i])})` });
    });
    Object.values(frames).forEach(f => {
      const over = hides(f.key), small = over === f, [x, y] = place(small ? f.box : f.low), end = place(f.high);
      const [w, h] = small ? f.box.slice(2) : [end[0] - x, end[1] - y];
      f.g.style.display = over && !small ? "none" : "";
      f.now = [x, y, w, h];
      f.rects.forEach((r, i) => {
        const by = f.offsets[i].map(d => small ? d / 2 : d);
        set(r, { x: x + by[0], y: y + by[1], width: w, height: h });
      });
      f.g.style.cursor = small ? "pointer" : "";
      f.text.innerHTML = (small ? "▸ " : "▾ ") + f.say;
      if (small) f.text.insertAdjacentHTML("beforeend", ` · ${cards.filter(c => c.c.classList.contains("op") && around(c.f, f.key)).length} ops`);
      const to = small ? [x + 14, y + HIGH / 2 + 4] : place(f.at);
      set(f.text, { x: to[0], y: to[1], "aria-expanded": !small });
      if (small) { const wide = f.text.getComputedTextLength() + 28; f.rects.forEach(r => set(r, { width: wide })); f.now[2] = wide; }
    });
    edges.forEach(edge => {
      const { e, shaft, head, was, s, t } = edge, from = hides(s.f), to = hides(t.f);
      e.style.display = from && from === to ? "none" : "";
      if (!shut.length) { set(shaft, { d: was[0] }); set(head, { d: was[1] }); return; }
      if (from && from === to) return;
      const port = (f, out) => down ? [f.now[0] + f.now[2] / 2, f.now[1] + (out ? f.now[3] : 0)] : [f.now[0] + (out ? f.now[2] : 0), f.now[1] + f.now[3] / 2];
      const start = from && port(from, true), stop = to && port(to, false), kept = sampled(edge).filter(p => !(from && inside(p, from)) && !(to && inside(p, to)));
      const path = kept.map(place), over = kept.map(beyond);
      if (start) { path.unshift(start); over.unshift(beyond(from.box)); }
      if (stop) { path.push(stop); over.push(beyond(to.box)); }
      const bend = (a, b) => {
        const m = (a[down] + b[down]) / 2;
        return down ? `C${a[0]},${m} ${b[0]},${m} ${b}` : `C${m},${a[1]} ${m},${b[1]} ${b}`;
      };
      const turn = (a, b) => { // into the next column
        const lane = 7 * lanes++, foot = split + 6 + lane, head = split + shift[down] - 12 - lane, x = shift[1 - down] - 8 - lane;
        return (down ? [[a[0], foot], [x, foot], [x, head], [b[0], head]] : [[foot, a[1]], [foot, x], [head, x], [head, b[1]]]).map(p => "L" + p).join("") + "L" + b;
      };
      let d = "M" + path[0];
      for (let i = 1; i < path.length; i++) {
        const [a, b] = [path[i - 1], path[i]];
        d += over[i] && !over[i - 1] ? turn(a, b) : start && i === 1 || stop && i === path.length - 1 ? bend(a, b) : "L" + b;
      }
      const last = path[path.length - 1];
      const tip = stop || last, before = stop ? tip.map((v, i) => v - (i === down ? 9 : 0)) : path[Math.max(0, path.length - 3)];
      const angle = Math.atan2(tip[1] - before[1], tip[0] - before[0]), side = a => [tip[0] - 8 * Math.cos(angle + a), tip[1] - 8 * Math.sin(angle + a)];
      set(shaft, { d });
      set(head, { d: `M${tip}L${side(.5)} ${side(-.5)}z` });
    });
    svg.querySelectorAll(".dv").forEach(t => { t.style.display = shut.length ? "none" : ""; });
    const scale = svg.getBoundingClientRect().width / whole.width || 1, foot = svg.querySelector(".foot");
    set(foot, { transform: `translate(0,${far[1] - size[1]})` });
    const wide = Math.max(far[0], ...[...svg.querySelectorAll(".foot, .title, .sub")].map(e => e.getBBox()).map(b => b.x + b.width + 14));
    set(svg, { viewBox: `0 0 ${wide} ${far[1]}`, width: wide, height: far[1] });
    svg.style.width = wide * scale + "px";
    all.textContent = closed.size ? "Open all" : "Close all";
  }
  const toggle = f => { if (closed.has(f.key)) closed.delete(f.key); else closed.add(f.key); arrange(); };
  Object.values(frames).forEach(f => {
    f.text.style.cursor = "pointer";
    set(f.text, { tabindex: 0, role: "button" });
    f.g.addEventListener("click", e => { if (closed.has(f.key) || f.text.contains(e.target)) toggle(f); });
    f.text.addEventListener("keydown", e => { if (e.key === "Enter" || e.key === " ") { toggle(f); e.preventDefault(); e.stopPropagation(); } });
  });
  const bar = box.querySelector(".tools"), all = bar.insertBefore(bar.querySelector("button").cloneNode(), bar.querySelector("input"));
  all.title = "Close or open all frames";
  all.onclick = () => {
    if (closed.size) closed.clear(); else Object.keys(frames).forEach(f => closed.add(f));
    arrange();
  };
  svg.reveal = n => { // opens what hides a card
    let f = of[n]?.f, any = false;
    for (; frames[f]; f = frames[f].up) any = closed.delete(f) || any;
    if (any) arrange();
  };
  // What would be too small to read as a whole is closed at first, the innermost frames before the outer ones.
  const depth = f => frames[f] ? 1 + depth(frames[f].up) : 0;
  arrange();
  for (let d = Math.max(...Object.keys(frames).map(depth)); d && page(whole.width, whole.height) < most; d--) {
    Object.keys(frames).filter(f => depth(f) === d).forEach(f => closed.add(f));
    arrange();
  }
  if (closed.size) box.querySelector(".tools [title='Show the whole drawing']").click();
})
