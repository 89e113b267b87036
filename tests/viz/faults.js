// What is wrong with the picture on this page, as sentences. Coordinates are those of the screen.
const faults = [], svg = document.querySelector("svg");
if (!svg) return ["there is no inline svg"];
const seen = e => e.getClientRects().length > 0; // not in a closed frame
const box = e => e.getBoundingClientRect(), cards = [...svg.querySelectorAll(".c[data-n]")].filter(seen);
const inside = (a, b, d) => a.left >= b.left - d && a.right <= b.right + d && a.top >= b.top - d && a.bottom <= b.bottom + d;
const apart = (a, b) => a.right <= b.left + .5 || b.right <= a.left + .5 || a.bottom <= b.top + .5 || b.bottom <= a.top + .5;
const name = c => (c.getAttribute("aria-label") || c.textContent).slice(0, 40) + " #" + c.dataset.n;
const rect = c => box([...c.children].filter(e => e.tagName === "rect" && !e.classList.contains("i")).pop());
const of = n => cards.find(c => c.dataset.n === n);
if (!cards.length) faults.push("no cards");
cards.forEach((a, i) => cards.slice(i + 1).forEach(b => {
  const parts = c => [rect(c), ...[...c.querySelectorAll(".pill rect")].map(box)];
  if (parts(a).some(p => parts(b).some(q => !apart(p, q)))) faults.push(name(a) + " overlaps " + name(b));
}));
cards.forEach(c => {
  c.querySelectorAll(":scope > text").forEach(t => { if (!inside(box(t), rect(c), 1)) faults.push(t.textContent + " juts out of " + name(c)); });
  c.querySelectorAll(":scope > image").forEach(t => { if (!inside(box(t), rect(c), 1)) faults.push("a picture juts out of " + name(c)); });
  c.querySelectorAll(".pill text").forEach(t => { if (!inside(box(t), box(t.previousSibling), 1)) faults.push("the text of a pill juts out: " + t.textContent); });
  if (!inside(rect(c), box(svg), 0)) faults.push(name(c) + " is off the page");
});
const near = (p, r, d) => p.x >= r.left - d && p.x <= r.right + d && p.y >= r.top - d && p.y <= r.bottom + d
  && !(p.x > r.left + d && p.x < r.right - d && p.y > r.top + d && p.y < r.bottom - d);
const edges = [...svg.querySelectorAll(".e")].filter(e => seen(e) && of(e.dataset.s) && of(e.dataset.t));
edges.forEach(e => {
  const [shaft, head] = e.querySelectorAll("path"), m = shaft.getScreenCTM(), k = m.a;
  const at = (path, l) => path.getPointAtLength(l).matrixTransform(m);
  const s = of(e.dataset.s), t = of(e.dataset.t);
  const ends = c => [rect(c), ...[...c.querySelectorAll(".pill rect")].map(box)];
  if (!ends(s).some(r => near(at(shaft, 0), r, 9 * k))) faults.push("an edge does not start at " + name(s));
  if (!ends(t).some(r => near(at(head, 0), r, 3 * k))) faults.push("an edge does not end at " + name(t));
});
[...svg.querySelectorAll("text")].filter(seen).forEach(t => { if (!inside(box(t), box(svg), 1)) faults.push("off the page: " + t.textContent); });
const frames = [...svg.querySelectorAll("rect.f")].filter(seen).map(box);
frames.forEach((a, i) => frames.slice(i + 1).forEach(b => {
  if (!apart(a, b) && !inside(a, b, 9) && !inside(b, a, 9)) faults.push("two frames overlap");
}));
frames.forEach(f => cards.forEach(c => {
  if (!apart(f, rect(c)) && !inside(rect(c), f, 1)) faults.push(name(c) + " lies across the border of a frame");
}));
svg.querySelectorAll("image").forEach(i => { if (!i.getAttribute("href").startsWith("data:image/png;base64,")) faults.push("a picture from elsewhere"); });
return faults;
