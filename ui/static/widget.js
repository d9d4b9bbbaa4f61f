// A film's assistant on any page: <script src="https://chat.example/widget.js" defer></script>
//
// data-title, data-colour, data-position ("right" | "left"), data-theme ("light" | "dark"), data-language, data-greeting,
// data-open (open at once), data-inline ("#selector": shown in that element, without a button).
// window.FilmChat: open(), close(), ask(text), and events to listen to, also on document as "filmchat:NAME":
// open, close, answer, citation, and seek with {seconds} when a citation has a moment in the film.
(() => {
  "use strict";
  const script = document.currentScript;
  const film = "__FILM__";
  const home = new URL(script.src).origin;
  const options = script.dataset;
  const title = options.title || film.title;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const phone = matchMedia("(max-width: 600px)");

  // Lengths in pixels: the site's own font size must not reach in.
  const STYLE = `
    :host { all: initial; }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    .button {
      position: fixed; inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline-end: 20px; z-index: 2147483000;
      display: inline-flex; align-items: center; gap: 9.6px; max-width: calc(100vw - 40px); min-height: 52px; padding: 9.6px 20px 9.6px 16px;
      border: 0; border-radius: 32px; background: var(--accent); color: var(--on-accent); cursor: pointer;
      font: 600 16px/1.2 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
      box-shadow: 0 8px 25.6px rgb(0 0 0 / .3); transition: transform .15s ease;
    }
    .button span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .button:hover { transform: translateY(-2px); }
    .button:focus-visible, .close:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff; }
    svg { width: 25.6px; height: 25.6px; flex: none; }
    .left { inset-inline: 20px auto !important; }
    dialog {
      position: fixed; inset: auto 20px max(20px, env(safe-area-inset-bottom)) auto; z-index: 2147483001; display: none;
      width: min(416px, calc(100vw - 40px)); height: min(672px, calc(100dvh - 40px)); max-width: none; max-height: none;
      margin: 0; padding: 0; border: 0; border-radius: 17.6px; overflow: hidden; background: var(--ground);
      box-shadow: 0 16px 56px rgb(0 0 0 / .38), 0 0 0 1px rgb(128 128 128 / .25);
    }
    dialog[open] { display: block; animation: rise .2s ease; }
    @keyframes rise { from { opacity: 0; transform: translateY(16px); } }
    iframe { display: block; width: 100%; height: 100%; border: 0; color-scheme: normal; }
    .close {
      position: absolute; inset: 6.4px 8px auto auto; width: 41.6px; height: 41.6px; padding: 9.6px; border: 0; border-radius: 9.6px;
      background: transparent; color: var(--ink); cursor: pointer;
    }
    .close svg { width: 100%; height: 100%; }
    .inline { display: block; width: 100%; height: 100%; min-height: 480px; }
    @media (max-width: 600px) { dialog, dialog.left { inset: 0 !important; width: 100%; height: 100%; border-radius: 0; } }
    @media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
    @media print { .button, dialog { display: none !important; } }
  `;

  class FilmChat extends EventTarget {
    constructor() {
      super();
      this.queue = [];
      this.host = document.createElement("div");
      this.host.className = "film-chat-widget";
      const root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      for (const [name, value] of Object.entries(this.colours())) this.host.style.setProperty(name, value);
      const place = options.inline && document.querySelector(options.inline);
      this.inline = Boolean(place);
      addEventListener("message", (event) => this.hear(event));
      if (place) {
        this.host.style.cssText += "display: block; height: 100%";
        place.append(this.host);
        this.load(root).className = "inline";
        return;
      }
      this.build(root);
      document.body.append(this.host);
    }

    build(root) {
      const side = options.position === "left" ? "left" : "";
      this.button = element("button", { type: "button", class: `button ${side}`, "aria-haspopup": "dialog", "aria-expanded": "false" });
      this.button.append(drawing("M4 5h16v11h-8l-5 4v-4H4z", "M10.5 8v5l4-2.5z"), label(options.label || `${film.ask} ${title}`));
      this.dialog = element("dialog", { class: side, "aria-label": title });
      this.closer = element("button", { type: "button", class: "close", "aria-label": film.close });
      this.closer.append(drawing("M5 5l14 14M19 5L5 19"));
      this.dialog.append(this.closer);
      this.button.addEventListener("click", () => this.open());
      this.closer.addEventListener("click", () => this.close());
      this.dialog.addEventListener("close", () => this.closed());
      this.dialog.addEventListener("keydown", (event) => event.key === "Escape" && (event.preventDefault(), this.close()));
      root.append(this.button, this.dialog);
    }

    /** The frame, made when it is first needed: until then nothing is fetched. */
    load(parent) {
      const query = new URLSearchParams();
      const passed = { title: options.title, greeting: options.greeting, lang: options.language, theme: options.theme, colour: options.colour };
      for (const [name, value] of Object.entries(passed)) if (value) query.set(name, value);
      if (this.inline) query.set("inline", "1");
      this.frame = element("iframe", { src: `${home}/embed?${query}`, title, allow: "clipboard-write" });
      this.frame.addEventListener("load", () => this.frame.contentWindow.postMessage({ film: "hello" }, home));
      parent.prepend(this.frame);
      return this.frame;
    }

    open() {
      if (this.inline) return this.tell("focus");
      if (this.dialog.open) return undefined;
      this.before = document.activeElement === document.body ? null : document.activeElement;
      if (!this.frame) this.load(this.dialog);
      if (phone.matches) this.dialog.showModal();
      else this.dialog.show();
      this.button.hidden = true;
      this.button.setAttribute("aria-expanded", "true");
      this.frame.focus();
      this.tell("focus");
      this.emit("open");
      return undefined;
    }

    close() {
      if (this.dialog?.open) this.dialog.close();
    }

    closed() {
      this.button.hidden = false;
      this.button.setAttribute("aria-expanded", "false");
      const back = this.before && this.before !== this.host && this.before.isConnected ? this.before : this.button;
      back.focus({ preventScroll: still.matches });
      this.emit("close");
    }

    /** Open, and ask. */
    ask(text) {
      this.open();
      this.tell("ask", String(text));
    }

    tell(name, detail) {
      if (this.ready) this.frame.contentWindow.postMessage({ film: name, detail }, home);
      else this.queue.push([name, detail]);
    }

    hear({ origin, source, data }) {
      if (origin !== home || !this.frame || source !== this.frame.contentWindow || typeof data?.film !== "string") return;
      if (data.film === "ready") {
        this.ready = true;
        this.queue.splice(0).forEach((message) => this.tell(...message));
      } else if (data.film === "close") this.close();
      else if (["answer", "citation", "seek"].includes(data.film)) this.emit(data.film, data.detail);
    }

    emit(name, detail = null) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
      document.dispatchEvent(new CustomEvent(`filmchat:${name}`, { detail }));
    }

    colours() {
      const dark = options.theme ? options.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      const shades = film[dark ? "dark" : "light"];
      const own = options.colour && readable(options.colour);
      return { "--accent": own?.colour || shades.accent, "--on-accent": own?.text || shades.on_accent, "--ground": shades.ground, "--ink": shades.ink };
    }
  }

  function element(tag, attributes) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function label(text) {
    const made = element("span", {});
    made.textContent = text;
    return made;
  }

  function drawing(...paths) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const attributes = { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linejoin": "round", "stroke-linecap": "round", "aria-hidden": "true" };
    for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
    for (const line of paths) {
      const path = document.createElementNS(svg.namespaceURI, "path");
      path.setAttribute("d", line);
      svg.append(path);
    }
    return svg;
  }

  /** A colour as the browser reads it, and black or white, whichever is easier to read on it; null for no colour. */
  function readable(colour) {
    if (!CSS.supports("color", colour)) return null;
    const brush = document.createElement("canvas").getContext("2d");
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...brush.getImageData(0, 0, 1, 1).data].map((value) => (value / 255) ** 2.2);
    return { colour, text: 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff" };
  }

  const start = () => {
    window.FilmChat = new FilmChat();
    document.dispatchEvent(new CustomEvent("filmchat:ready"));
    if ("open" in options && options.open !== "false") window.FilmChat.open();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
