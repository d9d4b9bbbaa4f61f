// The passage behind a citation: beside the chat on wide screens, a drawer over it on a phone.

import { surroundings } from "./api.js";
import { button, copyText, h, icon, webAddress } from "./dom.js";

const WIDE = matchMedia("(min-width: 900px)");

/** `62.5` seconds as `01:02`, `3725` as `1:02:05`. */
export function timecode(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return [...(whole >= 3600 ? [Math.floor(whole / 3600)] : []), ...parts].join(":");
}

/** Where a citation comes from, in one line. */
export function origin({ publisher, title, document: name, place }) {
  return [publisher, title || name, place].filter(Boolean).join(", ");
}

/** A citation's quote, its highlighted words strong. */
export function highlighted({ quote, start, highlight }) {
  // Offsets count characters as Python does; a JavaScript string counts some of them twice.
  const letters = Array.from(quote);
  const [from, to] = highlight.map((offset) => offset - start);
  const part = (first, last) => letters.slice(first, last).join("");
  if (from === 0 && to === letters.length) return [quote];
  return [part(0, from), from < to ? h("strong", {}, part(from, to)) : "", part(to)];
}

export class PassagePanel {
  /** `say` announces a word; `onSeek`, if there is one, gets seconds when a visitor asks for the moment. */
  constructor({ words, say, onSeek }) {
    Object.assign(this, { words, say, onSeek });
    this.element = h("dialog", { class: "fc-passage", "aria-labelledby": "fc-passage-title" });
    this.element.addEventListener("close", () => this.closed());
    this.element.addEventListener("click", (event) => event.target === this.element && this.close());
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
    WIDE.addEventListener("change", () => this.close());
  }

  get isOpen() {
    return this.element.open;
  }

  async open(citation, opener, spoilers) {
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener = opener;
    opener.setAttribute("aria-expanded", "true");
    const text = h("div", { class: "fc-text", tabindex: "0", role: "group", "aria-label": this.words.passage });
    this.element.replaceChildren(this.head(citation), text, this.foot(citation));
    this.fill(text, citation, { before: "", after: "" });
    if (!this.element.open) this.show();
    this.element.querySelector("h2").focus();
    const around = await surroundings(citation, spoilers).catch(() => null);
    if (around && this.opener === opener) this.fill(text, citation, around);
  }

  show() {
    if (WIDE.matches) {
      this.element.show();
      this.element.parentElement.classList.add("fc-beside");
    } else this.element.showModal();
  }

  close() {
    if (this.element.open) this.element.close();
  }

  closed() {
    this.element.parentElement?.classList.remove("fc-beside");
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener?.focus();
    this.opener = null;
  }

  head({ n, publisher, title, document: name, kind, place }) {
    return h("header", { class: "fc-passage-head" },
      h("div", {},
        h("p", { class: "fc-passage-publisher" }, h("span", { class: "fc-n" }, String(n)), publisher || kind || this.words.passage),
        h("h2", { id: "fc-passage-title", tabindex: "-1" }, title || name),
        h("p", { class: "fc-passage-place" }, [place, publisher ? kind : null].filter(Boolean).join(" · "))),
      button("close", this.words.close, () => this.close()));
  }

  fill(text, citation, { before, after }) {
    const mark = h("mark", {}, highlighted(citation));
    text.replaceChildren(h("p", {}, h("span", { class: "fc-around" }, before), mark, h("span", { class: "fc-around" }, after)));
    mark.scrollIntoView({ block: "center" });
  }

  foot(citation) {
    const { quote, seconds, url } = citation;
    const address = url && webAddress(url);
    const play = seconds === null || seconds === undefined ? null : `${this.words.play} ${timecode(seconds)}`;
    return h("footer", { class: "fc-passage-foot" },
      play && this.onSeek && button("play", play, () => this.onSeek(seconds), { shown: true }),
      button("copy", this.words.copyQuote, () => this.copy(`“${quote}”\n${origin(citation)}`), { shown: true }),
      address && h("a", { class: "fc-tool", href: address, target: "_blank", rel: "noopener noreferrer" },
        icon("out"), h("span", { class: "fc-label" }, this.words.source)));
  }

  async copy(text) {
    await copyText(text);
    this.say(this.words.copied);
  }
}
