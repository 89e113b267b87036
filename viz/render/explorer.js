// Sliders on the leaves of a graph of scalars. The page itself computes forward and backward.
(function (id, panel, css, wide, formulas, p) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg) return;
  const room = svg.closest(".room"), root = document.createElement("div"), first = p.leaves.length;
  root.className = "tp ex" + (wide ? " wide" : "");
  room.replaceWith(root);

  // Four significant digits and a real minus sign.
  const said = x => {
    const e = x && Number.isFinite(x) ? +x.toExponential(3).split("e")[1] : 0;
    const text = e < -4 || e > 3 ? x.toExponential(3).replace(/\.?0*e\+?/, "e") : `${+x.toPrecision(4)}`;
    return text.replace(/-/g, "−").replace("Infinity", "∞");
  };
  // The value in each slot, and for each op its value and local derivatives.
  const forward = leaves => {
    const v = [...leaves], d = p.ops.map(([f, inputs]) => {
      const out = formulas[f](...inputs.map(i => v[i]));
      v.push(+out[0]);
      return out;
    });
    return { v, d };
  };
  const end = v => p.roots.reduce((sum, r) => sum + v[r], 0);
  const backward = d => {
    const g = [];
    const add = (i, x) => { g[i] = (g[i] ?? 0) + x; };
    p.roots.forEach(r => add(r, 1));
    for (let i = d.length; i--;) {
      const [, inputs, flows] = p.ops[i], out = g[first + i];
      if (out !== undefined) flows.forEach(j => add(inputs[j], out * d[i][j + 1]));
    }
    return g;
  };

  const fit = lines => { // a longer number is set closer; first all are written, then all are measured
    lines.forEach(([text, said]) => { text.textContent = said; text.removeAttribute("textLength"); });
    lines.filter(([text, , most]) => text.getComputedTextLength() > most).forEach(([text, , most]) => {
      text.setAttribute("textLength", most);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    });
  };
  const cards = p.cards.map(([slot, key]) => {
    const c = svg.querySelector(`.c[data-n="${key}"]`), inside = c.querySelector("rect:last-of-type");
    return { slot, wide: inside.width.baseVal.value - 8, value: c.querySelector(".number"), gradient: c.querySelector(".d") };
  });
  const arrows = {};
  svg.querySelectorAll(".e").forEach(e => (arrows[e.dataset.s + " " + e.dataset.t] ??= []).push(e));
  const labels = p.edges.map(([s, t, n, op, place]) => {
    const [shaft] = arrows[s + " " + t][n].children, long = shaft.getTotalLength(), text = document.createElementNS(svg.namespaceURI, "text");
    const [a, m, b] = [.4, .5, .6].map(part => shaft.getPointAtLength(part * long)), flat = Math.abs(b.x - a.x) > Math.abs(b.y - a.y);
    text.setAttribute("class", "dv" + (flat ? "" : " side"));
    text.setAttribute("x", m.x + (flat ? 0 : 4));
    text.setAttribute("y", m.y + (flat ? -4 : 4));
    svg.append(text);
    return { op, place, text, most: flat ? long + 4 : 1e3 }; // between two cards there is as much room as the arrow is long
  });
  function show(leaves) {
    const { v, d } = forward(leaves), g = backward(d);
    fit(cards.flatMap(({ slot, wide, value, gradient }) => [
      [value, said(v[slot]), wide], [slot in g && gradient, "∂ " + said(g[slot] ?? 0), wide],
    ].filter(line => line[0])));
    fit(labels.map(({ op, place, text, most }) => [text, said(+d[op][place + 1]), most]));
    return [p.name + " = " + said(end(v)), p.sliders.map(([, , slot]) => {
      const h = 1e-5 * Math.max(1, Math.abs(leaves[slot]));
      const [up, down] = [h, -h].map(by => end(forward(leaves.map((x, i) => i === slot ? x + by : x)).v));
      return [slot in g ? said(g[slot]) : "—", said((up - down) / (2 * h))];
    })];
  }
  const change = now => {
    const leaves = [...p.leaves];
    p.sliders.forEach(([, , slot], i) => { leaves[slot] = now[i]; });
    tell(...show(leaves));
  };
  const tell = panel(root, css, "#" + id, p.sliders, change);
  root.append(room);
  const dark = () => root.classList.toggle("dark", svg.dark());
  dark();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dark);
  tell(...show(p.leaves));
})
