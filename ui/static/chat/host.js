// The site the chat is framed in. Messages go to and come from one origin, and only one that may frame us.

const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/;

export class Host {
  /** Nothing happens outside a frame. `onAsk(text)` and `onFocus()` are what the site may ask for. */
  constructor({ onAsk, onFocus }) {
    this.origin = null;
    this.waiting = [];
    this.framed = window.parent !== window;
    const sites = (document.querySelector("meta[name=sites]")?.content || "").split(" ").filter(Boolean);
    this.allows = (origin) =>
      sites.length ? sites.includes("*") || sites.includes(origin) : origin === location.origin || LOCAL.test(origin);
    if (!this.framed) return;
    const doors = { ask: (text) => typeof text === "string" && onAsk(text.slice(0, 500)), focus: onFocus };
    window.addEventListener("message", ({ origin, source, data }) => {
      if (source !== window.parent || !this.allows(origin) || typeof data?.film !== "string") return;
      if (data.film === "hello") this.greet(origin);
      else if (origin === this.origin && Object.hasOwn(doors, data.film)) doors[data.film](data.detail);
    });
  }

  greet(origin) {
    this.origin = origin;
    this.send("ready");
    this.waiting.splice(0).forEach((message) => window.parent.postMessage(message, origin));
  }

  send(film, detail = null) {
    if (!this.framed) return;
    const message = { film, detail };
    if (this.origin) window.parent.postMessage(message, this.origin);
    else this.waiting.push(message);
  }
}
