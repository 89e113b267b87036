// Where the page holds a larger drawing than the image shows, `whole` is that one.
(function (id, whole) {
  const box = document.getElementById(id), img = box?.querySelector("img");
  if (!img) return;
  let text = whole || new TextDecoder().decode(Uint8Array.from(atob(img.src.split(",")[1]), c => c.charCodeAt(0)));
  const dark = "@media (prefers-color-scheme:dark)";
  // A notebook's own theme overrides the system's.
  const theme = document.body.dataset.jpThemeLight || document.body.dataset.vscodeThemeKind;
  if (theme) text = text.replace(dark, /false|dark/.test(theme) ? "@media all" : "@media not all");
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  if (svg.nodeName !== "svg") return;
  img.replaceWith(svg);
  svg.dark = () => /^rgb\(\d\d?,/.test(getComputedStyle(svg.querySelector(".bg")).fill);

  const tip = document.createElement("div");
  tip.role = "tooltip";
  tip.style.cssText = "position:fixed;display:none;z-index:9999;pointer-events:none;max-width:380px;padding:8px 11px;border-radius:7px;" +
    "background:#1b2130;color:#eef2f8;font:12px/1.5 Helvetica,Arial,sans-serif;white-space:pre-wrap;overflow-wrap:anywhere;" +
    "box-shadow:0 3px 14px rgba(0,0,0,.35);border:1px solid #4a566c;text-align:left";
  box.appendChild(tip);

  function show(card, at) {
    tip.replaceChildren();
    card.tip.split("\n").forEach((line, i) => {
      const span = tip.appendChild(document.createElement("span"));
      span.textContent = (i ? "\n" : "") + line;
      span.style.cssText = i === 0 ? "font-weight:700" : /^(out|∂)/.test(line) ? "color:#8fd0ff;font-family:Georgia,serif" : "color:#c4cedb";
    });
    tip.style.display = "block";
    const w = tip.offsetWidth, h = tip.offsetHeight;
    const y = at.bottom + 10 + h > innerHeight ? at.top - h - 14 : at.bottom + 10;
    tip.style.left = Math.max(6, Math.min(at.left, innerWidth - w - 6)) + "px";
    tip.style.top = Math.max(6, y) + "px";
    trace(card.dataset.n);
  }
  function hide() { tip.style.display = "none"; trace(null); }
  // Fade all edges but the card's own.
  function trace(n) {
    svg.querySelectorAll(".e").forEach(e => {
      e.style.opacity = n === null || e.dataset.s === n || e.dataset.t === n ? "" : .25;
    });
  }
  svg.querySelectorAll(".c[data-n]").forEach(card => {
    const title = card.querySelector("title");
    card.tip = title.textContent;
    card.ariaLabel = card.tip.replace(/\n/g, ", ");
    card.tabIndex = 0;
    card.role = "img";
    title.remove();
    card.addEventListener("mousemove", e => { show(card, { left: e.clientX + 8, top: e.clientY, bottom: e.clientY + 4 }); });
    card.addEventListener("mouseleave", hide);
    card.addEventListener("focus", function () { show(card, card.getBoundingClientRect()); });
    card.addEventListener("blur", hide);
  });
  svg.removeAttribute("role");
  addEventListener("keydown", e => { if (e.key === "Escape") hide(); });
})
