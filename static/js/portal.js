// What the pages gain from JavaScript beyond live updates: copy buttons, keys, local
// times. Everything else works without this file.
"use strict";

(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Copy buttons are hidden until they can work.
  function dress(root) {
    all("button[data-copy]", root).forEach((button) => { button.hidden = false; });
    // A table or a history that scrolls can be scrolled by keyboard.
    all(".frame:not([tabindex]), .history:not([tabindex])", root).forEach((frame) => {
      if (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight) return;
      frame.tabIndex = 0;
      if (frame.matches("ol, ul")) return; // stays a list
      frame.setAttribute("role", "region");
      const title = one("caption", frame) || one("h2, h3", frame.closest(".panel") || frame) || one("h1");
      frame.setAttribute("aria-label", title ? title.textContent.trim() : "Table");
    });
    all("time.moment", root).forEach((time) => {
      const local = new Date(time.dateTime);
      if (!Number.isNaN(local.getTime())) {
        time.title = `${local.toLocaleString()} on this computer's clock`;
      }
    });
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
    } catch {
      button.textContent = "press Ctrl+C";
      const code = one("code", button.parentElement);
      if (code) getSelection().selectAllChildren(code);
    }
    button.classList.add("done");
    setTimeout(() => {
      button.textContent = button.dataset.label || "copy";
      button.classList.remove("done");
    }, 1600);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy !== undefined) copy(button);
    if (button?.dataset.opens) document.getElementById(button.dataset.opens)?.showModal();
    if (button?.dataset.closes) button.closest("dialog")?.close();
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest("form[data-submit-on-change]")) event.target.form.requestSubmit();
  });
  document.addEventListener("htmx:afterSwap", (event) => dress(event.detail.elt.parentElement || document));

  // A type that is pointed at or focused lights what it needs, and the lines to it.
  function light(node) {
    all(".plane .lit").forEach((element) => element.classList.remove("lit"));
    if (!node) return;
    const plane = node.closest(".plane");
    const waiting = [node.dataset.type];
    for (let type = waiting.pop(); type; type = waiting.pop()) {
      all("path", plane).filter((line) => line.dataset.to === type).forEach((line) => {
        line.classList.add("lit");
        one(`[data-type="${CSS.escape(line.dataset.from)}"]`, plane)?.classList.add("lit");
        waiting.push(line.dataset.from);
      });
    }
  }
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => light(event.target.closest?.("a.node[data-type]")));
  }

  // `g` then a letter goes to a page; j and k move in the first list; Enter opens.
  let awaiting = 0;
  let row = -1;

  function goTo(letter) {
    const link = one(`a[data-key="${CSS.escape(letter)}"]`);
    if (link) location.assign(link.href);
  }

  function moveBy(step) {
    const rows = all("main [data-row]");
    if (!rows.length) return;
    rows[row]?.removeAttribute("data-cursor");
    row = Math.min(rows.length - 1, Math.max(0, row + step));
    rows[row].setAttribute("data-cursor", "");
    rows[row].scrollIntoView({ block: "nearest" });
  }

  const keys = {
    "?": () => document.getElementById("keys")?.showModal(),
    g: () => { awaiting = Date.now(); },
    j: () => moveBy(1),
    k: () => moveBy(-1),
    Enter: () => one("[data-cursor] summary, [data-cursor] a")?.click(),
    "[": () => one('a[data-step="["]')?.click(),
    "]": () => one('a[data-step="]"]')?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (Date.now() - awaiting < 1500) {
      awaiting = 0;
      goTo(event.key);
    } else {
      keys[event.key]?.();
    }
  });

  dress(document);
  // Of tabs that do not fit, the one that is open is in view; the page stays where it is.
  all(".places [aria-current], .tabs [aria-current]").forEach((tab) => {
    const [bar, place] = [tab.parentElement.getBoundingClientRect(), tab.getBoundingClientRect()];
    tab.parentElement.scrollLeft += place.left + place.width / 2 - bar.left - bar.width / 2;
  });
})();
