(function (id) {
  const box = document.getElementById(id), svg = box?.querySelector("svg");
  if (!svg) return;
  const make = (tag, into, style) => {
    const e = into.appendChild(document.createElement(tag));
    e.style.cssText = style || "";
    return e;
  };
  const room = document.createElement("div"), whole = svg.viewBox.baseVal;
  room.className = "room";
  svg.replaceWith(room);
  const bar = make("div", room, "display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin-bottom:6px;font:13px Arial,sans-serif");
  const view = make("div", room, "overflow:auto;max-height:calc(100vh - 78px)");
  bar.className = "tools";
  view.className = "view";
  view.appendChild(svg);
  svg.style.maxWidth = "none";
  svg.style.display = "block";
  const look = "font:inherit;height:28px;border:1px solid #8a93a655;border-radius:6px;background:#8a93a622;color:inherit;padding:0 9px";
  const button = (text, label, act) => {
    const b = make("button", bar, look);
    b.textContent = text;
    b.ariaLabel = b.title = label;
    b.onclick = act;
    return b;
  };

  // ------------------------------------------------------------------------------------------- zoom and pan
  const scale = () => svg.getBoundingClientRect().width / whole.width;
  const zoom = (to, at) => {
    const r = view.getBoundingClientRect(), before = scale(), k = Math.max(.02, Math.min(8, to));
    const x = at ? at.clientX - r.left : r.width / 2, y = at ? at.clientY - r.top : r.height / 2;
    const left = (view.scrollLeft + x) / before, top = (view.scrollTop + y) / before;
    svg.style.width = whole.width * k + "px";
    view.scrollTo({ left: left * k - x, top: top * k - y, behavior: "instant" });
  };
  const fit = most => zoom(Math.min(most, view.clientWidth / whole.width, (parseFloat(getComputedStyle(view).maxHeight) || innerHeight) / whole.height));
  button("−", "Zoom out", () => zoom(scale() / 1.25));
  button("+", "Zoom in", () => zoom(scale() * 1.25));
  button("Fit", "Show the whole drawing", () => fit(1.4));
  button("1:1", "Actual size", () => zoom(1));
  view.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return;
    e.preventDefault();
    zoom(scale() * Math.exp(-e.deltaY / 300), e);
  }, { passive: false });
  view.addEventListener("pointerdown", e => {
    if (e.button || e.pointerType === "touch") return;
    const from = [view.scrollLeft + e.clientX, view.scrollTop + e.clientY];
    const move = m => view.scrollTo({ left: from[0] - m.clientX, top: from[1] - m.clientY, behavior: "instant" });
    const end = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", end); view.style.cursor = ""; };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    view.style.cursor = "grabbing";
    e.preventDefault();
  });

  // ------------------------------------------------------------------------------- one colour scale for all
  const maps = [...svg.querySelectorAll("image[data-l]")];
  if (maps.length > 1) {
    const one = button("One colour scale", "Compare the sizes of all tensors, and of all gradients", () => {
      const on = one.ariaPressed !== "true", most = {};
      one.ariaPressed = on;
      one.style.outline = on ? "2px solid #0067a8" : "";
      const kind = m => m.getAttribute("class");
      maps.forEach(m => { most[kind(m)] = Math.max(most[kind(m)] || 0, +m.dataset.l); });
      // A picture's opacity goes with |value| to the power of 0.8, relative to its own largest.
      maps.forEach(m => { m.style.opacity = on ? (+m.dataset.l / (most[kind(m)] || 1)) ** .8 : ""; });
    });
    one.ariaPressed = "false";
  }

  // ----------------------------------------------------------------------------------------------- search
  const search = make("input", bar, look + ";flex:0 1 190px;min-width:90px");
  search.type = "search";
  search.placeholder = search.ariaLabel = "Search";
  const count = make("span", bar, "opacity:.7"), cards = [...svg.querySelectorAll(".c[data-n]")];
  let hits = [], now = -1;
  const name = c => (c.getAttribute("aria-label") || "") + " " + c.textContent;
  search.addEventListener("input", () => {
    const word = search.value.trim().toLowerCase();
    hits = word ? cards.filter(c => name(c).toLowerCase().includes(word)) : [];
    cards.forEach(c => { c.style.opacity = word && !hits.includes(c) ? .22 : ""; });
    now = -1;
    count.textContent = word ? hits.length + " found" : "";
    next(1);
  });
  const next = step => {
    if (!hits.length) return;
    now = (now + step + hits.length) % hits.length;
    count.textContent = now + 1 + " of " + hits.length;
    svg.reveal?.(hits[now].dataset.n);
    const a = hits[now].getBoundingClientRect(), b = view.getBoundingClientRect();
    view.scrollBy((a.left + a.right - b.left - b.right) / 2, (a.top + a.bottom - b.top - b.bottom) / 2);
  };
  search.addEventListener("keydown", e => {
    e.stopPropagation();
    if (e.key === "Enter") next(e.shiftKey ? -1 : 1);
    if (e.key === "Escape") { search.value = ""; search.dispatchEvent(new Event("input")); }
  });

  const dark = () => { bar.style.color = svg.dark() ? "#dde3ec" : "#1b2130"; };
  dark();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dark);
  // At first the whole drawing, if it is still legible then; otherwise its whole width.
  fit(1);
  if (scale() < .6) zoom(Math.min(1, view.clientWidth / whole.width));
  view.scrollTo(0, 0);
})
