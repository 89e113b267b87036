// Sliders in a notebook: the kernel computes and draws.
const panel = PANEL;
export default {
  render({ model, el }) {
    const make = (name, into) => {
      const e = into.appendChild(document.createElement("div"));
      e.className = name;
      return e;
    };
    const box = make("tinygrad-lite", el), root = make("tp ex", box);
    box.id = "tg" + Math.random().toString(36).slice(2);
    let busy = false, next = null;
    const send = now => { // one question at a time: of those that come meanwhile, only the last counts
      if (busy) { next = [...now]; return; }
      busy = true;
      model.set("now", [...now]);
      model.save_changes();
    };
    const tell = panel(root, model.get("style"), "#" + box.id, model.get("sliders"), send), view = make("view", root);
    const show = () => {
      const { svg, line, found } = model.get("shown"), was = next;
      view.innerHTML = svg;
      tell(line, found);
      busy = false;
      next = null;
      root.classList.toggle("dark", /^rgb\(\d\d?,/.test(getComputedStyle(view.querySelector(".bg")).fill));
      if (was) send(was);
    };
    model.on("change:shown", show);
    show();
  },
};
