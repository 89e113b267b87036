(function (id, css, wide, rules, tensors, steps, cells, said, stories) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg) return;
  const make = (tag, name, into, text) => {
    const e = document.createElement(tag);
    e.className = name;
    if (text) e.textContent = text;
    if (into) into.appendChild(e);
    return e;
  };
  const root = make("div", "tp" + (wide ? " wide" : ""));
  root.role = "group";
  root.ariaLabel = "Step by step";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the keys to us
  make("style", "", root, css.replace(/&/g, "#" + id));
  const told = make("div", "told", root), bar = make("div", "bar", told), say = make("div", "say", told);
  const room = svg.closest(".room"), view = room.querySelector(".view");
  const button = (text, label, act) => {
    const b = make("button", "", bar, text);
    b.ariaLabel = label;
    b.onclick = act;
    return b;
  };
  const move = to => { stop(); show(to); };
  const go = button("", "", () => timer ? stop() : play());
  button("‹", "Back", () => move(now - 1));
  const slider = make("input", "", bar);
  slider.type = "range";
  slider.max = steps.length - 1;
  slider.ariaLabel = "Step";
  slider.oninput = () => move(+slider.value);
  button("›", "Forward", () => move(now + 1));
  room.replaceWith(root);
  root.append(room);

  const cards = {}, edges = [...svg.querySelectorAll(".e")];
  svg.querySelectorAll(".c[data-n]").forEach(c => {
    const at = c.querySelector(".d,.g");
    cards[c.dataset.n] = { c, at, whole: at && (at.getAttribute("href") || at.textContent) };
  });
  const key = e => e.dataset.s + " " + e.dataset.t;
  edges.forEach((e, i) => { e.nth = edges.slice(0, i).filter(o => key(o) === key(e)).length; });
  const known = {}; // steps of a quiz that were answered
  let story = null; // what the element that was chosen says in each step
  let now = 0, timer = 0;

  // Ask for a gradient: right to within one per cent.
  function ask([name, right]) {
    const line = make("label", "ask", say, name + " = "), input = make("input", "", line), mark = make("span", "", line);
    const done = () => { known[now] = 1; show(now); };
    input.inputMode = "decimal";
    input.ariaLabel = name;
    input.onkeydown = e => {
      e.stopPropagation();
      if (e.key !== "Enter") return;
      const typed = Number(input.value.replace("−", "-").replace(",", "."));
      if (input.value.trim() && Math.abs(typed - right) <= .01 * Math.abs(right) + 1e-9) {
        done();
        say.querySelector(".head").append(" ✓");
      } else mark.textContent = " ✗ try again";
    };
    const tell = make("button", "", line, "Show");
    tell.type = "button";
    tell.onclick = done;
    make("div", "note", say, "Work it out from the rule and the cards, type it, and press Enter.");
  }

  function write(s) {
    say.textContent = "";
    const head = make("div", "head", say);
    if (s.c) make("span", "", head, s.p + " " + s.c);
    head.append(s.t);
    if (rules[s.r || 0].length) {
      const line = make("div", "rule", say);
      rules[s.r || 0].forEach((r, i) => { make("span", i === (s.f || 0) && s.f !== -1 ? "on" : "", line, r); line.append(" "); });
    }
    if (s.q && !known[now]) return ask(s.q);
    const own = said[story?.[steps.indexOf(s)]];
    if (own || s.l) make("pre", "", say, (own || s.l).join("\n"));
    if (s.w && !own) {
      const grid = make("div", "grid", say);
      s.w.forEach(([symbol, i]) => { for (let j = -1; j < 4; j++) make("span", "", grid, j < 0 ? symbol : tensors[i][j]); });
    }
    if (s.n) make("div", "note", say, s.n);
    if (!now && !story && said[0]) make("div", "note", say, "Click on a cell to follow it.");
  }

  function show(i) {
    now = Math.max(0, Math.min(steps.length - 1, i));
    const s = steps[now], back = s.p === "backward", values = {}, came = {};
    const seen = s.q && !known[now] ? steps.slice(0, now) : steps.slice(0, now + 1);
    (s.v || []).forEach(n => { values[n] = 1; });
    seen.forEach(t => {
      (t.v || []).forEach(n => { values[n] = 1; });
      (t.g || []).forEach(g => { came[g[0]] = g; });
    });
    const to = (s.e && s.g || []).map(g => g[0]);
    root.classList.toggle("back", back || s.p === "end");
    for (const n in cards) {
      const { c, at, whole } = cards[n];
      c.classList.toggle("wait", !values[n]);
      c.classList.toggle("still", !came[n]);
      c.classList.toggle("on", +n === s.k);
      c.classList.toggle("to", to.includes(+n));
      if (at && came[n]) {
        const seen = came[n][1] || whole;
        if (at.tagName === "image") at.setAttribute("href", seen); else at.textContent = seen;
      }
    }
    svg.querySelectorAll(".flip").forEach(e => e.remove());
    edges.forEach(e => {
      const on = (s.e || []).some(x => x[0] + " " + x[1] === key(e) && x[2] === e.nth), [shaft, head] = e.children;
      e.classList.toggle("on", on);
      e.classList.toggle("wait", !values[e.dataset.t]);
      head.style.display = "";
      if (on && back) { // the gradient flows against the arrow: draw a head at its other end
        const p = shaft.getPointAtLength(0), q = shaft.getPointAtLength(8);
        const arrow = e.appendChild(head.cloneNode());
        head.style.display = "none";
        arrow.classList.add("flip");
        arrow.setAttribute("d", "M0 0L-10 5V-5z");
        arrow.style.transform = `translate(${p.x}px,${p.y}px) rotate(${Math.atan2(p.y - q.y, p.x - q.x)}rad)`;
      }
    });
    write(s);
    slider.value = now;
    slider.ariaValueText = `${s.p} ${s.c || ""} ${s.t}`;
    svg.reveal?.(s.k);
    const target = cards[s.k];
    if (target) {
      const a = target.c.getBoundingClientRect(), b = view.getBoundingClientRect();
      const way = (low, high, from, to) => low >= from + 8 && high <= to - 8 ? 0 : (low + high - from - to) / 2;
      view.scrollBy({ left: way(a.left, a.right, b.left, b.right), top: way(a.top, a.bottom, b.top, b.bottom) });
    }
  }
  function label() {
    go.textContent = timer ? "❚❚ Pause" : "▶ Play";
    say.ariaLive = timer ? "off" : "polite";
  }
  function stop() { clearInterval(timer); timer = 0; label(); }
  function play() {
    if (now === steps.length - 1) show(0);
    timer = setInterval(() => { show(now + 1); if (now === steps.length - 1) stop(); }, 1600);
    label();
  }
  function keys(e) {
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: steps.length - 1 }[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.type === "search") return;
    if (to !== undefined) move(to);
    else if (e.key === " " && e.target.tagName !== "BUTTON") go.click();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }
  // A click on a cell chooses an element, another one on it lets it go.
  svg.addEventListener("click", e => {
    const map = e.target.closest("image"), c = map?.closest(".c"), of = cells[c?.dataset.n];
    if (!of) return;
    const [rows, cols] = of, r = map.getBoundingClientRect(), row = (e.clientY - r.top) / r.height * rows | 0, col = (e.clientX - r.left) / r.width * cols | 0;
    const found = stories[c.dataset.n + " " + (row * cols + col)];
    svg.querySelectorAll(".cell").forEach(e => e.remove());
    story = story === found ? null : found;
    if (story) c.querySelectorAll("image").forEach(m => {
      const { x, y, width, height } = m.getBBox(), w = width / cols, h = height / rows;
      c.insertAdjacentHTML("beforeend", `<rect class="i cell" style="fill:none;stroke:#e0007a;stroke-width:2.5;pointer-events:none" x="${x + col * w}" y="${y + row * h}" width="${w}" height="${h}"/>`);
    });
    settle();
  });
  root.addEventListener("keydown", keys);
  // The only player on a page responds to arrow keys without being focused.
  document.addEventListener("keydown", e => {
    if (e.target === document.body && document.querySelectorAll(".tp:not(.ex)").length === 1 && e.key.startsWith("Arrow")) keys(e);
  });

  function settle() {
    // Enlarge a small graph.
    const own = svg.viewBox.baseVal.width;
    svg.style.width = Math.max(own, Math.min(own * 1.4, wide ? 980 : root.clientWidth - 454)) + "px";
    root.classList.toggle("dark", svg.dark());
    // Above the drawing, the panel keeps the height of its tallest step, so that the drawing does not jump.
    const over = view.offsetTop > told.offsetTop + 9;
    let most = 0;
    root.classList.toggle("over", over && told.offsetWidth > 700);
    say.style.minHeight = "";
    if (over) steps.forEach(s => { write(s); most = Math.max(most, say.offsetHeight); });
    say.style.minHeight = most + "px";
    view.style.maxHeight = Math.max(320, innerHeight - 40 - (over && told.offsetHeight)) + "px";
    write(steps[now]);
  }
  label();
  settle();
  show(0);
  addEventListener("resize", settle);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", settle);
})
