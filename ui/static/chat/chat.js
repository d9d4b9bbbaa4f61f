// <film-chat>: the conversation. Everything that comes from papers, titles and visitors is set as text, never as markup.

import { ask, feedback, Trouble } from "./api.js";
import { button, copyText, h, icon } from "./dom.js";
import { Host } from "./host.js";
import { highlighted, origin, PassagePanel, timecode } from "./passage.js";
import { store } from "./store.js";
import { wordsFor } from "./words.js";

const LONGEST = 500;
const HISTORY = 10;
const DARK = matchMedia("(prefers-color-scheme: dark)");
const options = new URLSearchParams(location.search);

class FilmChat extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    this.compact = this.hasAttribute("compact");
    if (options.has("inline")) this.setAttribute("inline", "");
    this.words = wordsFor(options.get("lang") || document.documentElement.lang);
    document.documentElement.lang = this.words.lang;
    this.paint(options.get("theme") || store.theme);
    this.film = JSON.parse(document.getElementById("film-facts").textContent);
    this.build();
    store.turns.forEach(({ question, answer }) => this.addTurn(question).answer(answer));
    this.host = new Host({ onAsk: (text) => this.ask(text), onFocus: () => this.field.focus() });
    const asked = (options.get("q") || "").trim().slice(0, LONGEST);
    if (asked && store.turns.at(-1)?.question !== asked) this.ask(asked);
    else if (!this.compact) this.field.focus({ preventScroll: true });
    this.toEnd();
  }

  build() {
    const { words, film } = this;
    this.status = h("p", { class: "fc-hidden", role: "status" });
    this.log = h("ol", { class: "fc-log", "aria-label": words.conversation });
    this.field = h("textarea", {
      id: "fc-question", rows: 1, maxlength: LONGEST, placeholder: words.ask, autocomplete: "off", enterkeyhint: "send",
      onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && this.submit(event),
      oninput: () => this.grow(),
    });
    this.sender = h("button", { type: "submit", class: "fc-send" }, icon("send"), h("span", {}, words.send));
    this.panel = new PassagePanel({
      words,
      say: (text) => this.say(text),
      onSeek: this.compact ? (seconds) => this.host.send("seek", { seconds }) : null,
    });
    const title = options.get("title") || film.title;
    const form = h("form", { class: "fc-form", onsubmit: (event) => this.submit(event) },
      h("label", { class: "fc-hidden", for: "fc-question" }, words.ask), this.field, this.sender);
    const note = h("p", { class: "fc-note" }, film.feedback ? words.noted : words.privacy);
    this.replaceChildren(
      h("div", { class: "fc-stage" },
        h("header", { class: "fc-head" }, h("h1", { class: "fc-name" }, title), this.tools()),
        h("div", { class: "fc-scroll" }, this.welcome(title), this.log),
        h("div", { class: "fc-foot" }, form, note)),
      this.panel.element, this.status);
    this.scroller = this.querySelector(".fc-scroll");
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.host.send("close"));
    this.classList.toggle("fc-empty", !store.turns.length);
  }

  tools() {
    const { words, film } = this;
    const seen = h("input", { type: "checkbox", role: "switch", class: "fc-seen", checked: store.seen, onchange: () => this.see(seen.checked) });
    this.seen = seen;
    this.themer = button("dark", words.dark, () => this.toggleTheme());
    this.labelTheme();
    return h("div", { class: "fc-tools" },
      film.spoilers && h("label", { class: "fc-switch" }, seen, h("span", {}, words.seen)),
      button("fresh", words.fresh, () => this.clear(), { shown: !this.compact }),
      this.themer);
  }

  welcome(title) {
    const { words, film } = this;
    const shown = film.starters.slice(0, this.compact ? 4 : 6);
    const starters = shown.map((text) => h("li", {}, h("button", { type: "button", class: "fc-starter", onclick: () => this.ask(text) }, text)));
    return h("div", { class: "fc-welcome" },
      h("p", { class: "fc-title", "aria-hidden": "true" }, title),
      h("p", { class: "fc-greeting" }, options.get("greeting") || film.greeting),
      starters.length > 0 && h("p", { class: "fc-overline", id: "fc-starters" }, words.starters),
      starters.length > 0 && h("ul", { class: "fc-starters", "aria-labelledby": "fc-starters" }, starters));
  }

  submit(event) {
    event.preventDefault();
    if (this.asking) this.asking.abort();
    else if (this.field.value.trim()) this.ask(this.field.value.trim());
  }

  async ask(text, { history = this.history } = {}) {
    if (this.asking) return;
    this.field.value = "";
    this.grow();
    const turn = this.addTurn(text);
    turn.wait();
    this.busy(new AbortController());
    try {
      const question = { question: text, history, spoilers: Boolean(this.film.spoilers && this.seen.checked) };
      const answer = await ask(question, (piece) => turn.write(piece), this.asking.signal);
      turn.answer(answer);
      store.turns = [...store.turns, { question: text, answer }];
      this.say(`${this.words.answer}: ${answer.answer}`);
      this.host.send("answer", answer);
    } catch (error) {
      const stopped = error.name === "AbortError";
      const sentence = stopped ? this.words.stopped : error instanceof Trouble ? error.message : this.words.lost;
      turn.apologise(sentence);
      this.say(sentence);
    } finally {
      this.busy(null);
      turn.show();
    }
  }

  get history() {
    return store.turns.slice(-HISTORY).map(({ question }) => question);
  }

  addTurn(question) {
    this.classList.remove("fc-empty");
    const turn = new Turn(this, question);
    this.log.append(turn.element);
    return turn;
  }

  busy(asking) {
    this.asking = asking;
    const [name, label] = asking ? ["stop", this.words.stop] : ["send", this.words.send];
    this.sender.replaceChildren(icon(name), h("span", {}, label));
    if (asking) this.say(this.words.looking);
  }

  clear() {
    this.asking?.abort();
    this.panel.close();
    store.turns = [];
    this.log.replaceChildren();
    this.classList.add("fc-empty");
    if (options.has("q")) window.history.replaceState(null, "", location.pathname);
    this.field.focus();
  }

  see(seen) {
    store.seen = seen;
    if (this.seen) this.seen.checked = seen;
  }

  toggleTheme() {
    store.theme = this.isDark ? "light" : "dark";
    this.paint(store.theme);
    this.labelTheme();
  }

  get isDark() {
    return document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : DARK.matches;
  }

  paint(theme) {
    if (["light", "dark"].includes(theme)) document.documentElement.dataset.theme = theme;
  }

  labelTheme() {
    const name = this.isDark ? "light" : "dark";
    this.themer.replaceChildren(icon(name), h("span", { class: "fc-hidden" }, this.words[name]));
    this.themer.title = this.words[name];
  }

  cite(citation, opener) {
    this.panel.open(citation, opener, this.seen.checked || citation.spoiler);
    this.host.send("citation", citation);
    if (citation.seconds !== null && citation.seconds !== undefined) this.host.send("seek", { seconds: citation.seconds });
  }

  say(text) {
    this.status.textContent = text;
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 160)}px`;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}

/** One question and what came of it. */
class Turn {
  constructor(chat, question) {
    this.chat = chat;
    this.words = chat.words;
    this.question = question;
    this.body = h("div", { class: "fc-answer" });
    this.element = h("li", { class: "fc-turn" },
      h("h2", { class: "fc-question" }, h("span", { class: "fc-hidden" }, `${this.words.you}: `), question), this.body);
  }

  wait() {
    this.body.setAttribute("aria-busy", "true");
    this.body.append(h("p", { class: "fc-wait" }, h("span", { class: "fc-reel", "aria-hidden": "true" }), this.words.looking));
    this.show();
  }

  write(piece) {
    if (!this.text) {
      this.text = h("p", { class: "fc-say" });
      this.body.replaceChildren(this.text);
    }
    this.text.append(piece);
    this.show();
  }

  answer(answer) {
    const { words } = this;
    this.element.classList.toggle("fc-refused", !answer.answered);
    const label = { "not in the documents": words.silent, "off topic": words.elsewhere, spoiler: words.spoiler }[answer.refusal];
    const [chips, differing] = [answer.citations, answer.differing].map((citations) => citations.map((one) => this.chip(one)));
    this.body.removeAttribute("aria-busy");
    this.body.replaceChildren(...[
      label && h("p", { class: "fc-overline" }, label),
      h("p", { class: "fc-say" }, this.withNumbers(answer, chips)),
      ...answer.warnings.map((warning) => h("p", { class: "fc-warning" }, warning)),
      answer.answered && this.evidence(answer),
      this.list(answer.answered ? words.rests : words.nearest, chips, answer.answered ? null : this.evidence(answer)),
      this.list(words.differs, differing),
      answer.refusal === "spoiler" && this.chat.film.spoilers && this.reveal(),
      this.suggestions(answer.suggestions),
      this.actions(answer),
    ].filter(Boolean));
  }

  apologise(sentence) {
    this.element.classList.add("fc-refused");
    this.body.removeAttribute("aria-busy");
    if (!this.text) this.body.replaceChildren();
    this.body.append(h("p", { class: "fc-say" }, sentence));
  }

  /** The answer's text, each `[2]` that names a citation a button of its own. */
  withNumbers({ answer, citations }, chips) {
    return answer.split(/\s?\[(\d+)\]/).map((part, at) => {
      if (at % 2 === 0) return part;
      const found = citations.findIndex(({ n }) => n === Number(part));
      if (found < 0) return "";
      const label = `${this.words.passage} ${part}`;
      return h("button", { type: "button", class: "fc-ref", "aria-label": label, onclick: () => chips[found].click() }, part);
    });
  }

  /** The words of the first citation, unless the answer says just these. */
  evidence({ answer, citations }) {
    const [first] = citations;
    return first && !answer.includes(first.quote.trim()) && h("blockquote", { class: "fc-quote" }, highlighted(first));
  }

  list(label, chips, quote = null) {
    return chips.length > 0 && h("div", { class: "fc-cited" },
      h("p", { class: "fc-overline" }, label), quote, h("ul", { class: "fc-chips" }, chips.map((chip) => h("li", {}, chip))));
  }

  chip(citation) {
    const { n, publisher, title, document: name, place, seconds } = citation;
    const moment = seconds === null || seconds === undefined || place.includes(":") ? place : `${place}, ${timecode(seconds)}`;
    const chip = h("button", { type: "button", class: "fc-chip", "aria-haspopup": "dialog", "aria-expanded": "false" },
      h("span", { class: "fc-n" }, String(n)),
      h("span", { class: "fc-source" },
        publisher && h("span", { class: "fc-publisher" }, publisher),
        h("span", { class: "fc-paper" }, title || name)),
      h("span", { class: "fc-place" }, moment));
    chip.addEventListener("click", () => this.chat.cite(citation, chip));
    return chip;
  }

  reveal() {
    const { chat, question } = this;
    return button("play", this.words.reveal, () => {
      chat.see(true);
      chat.ask(question, { history: chat.history.filter((text) => text !== question) });
    }, { shown: true, class: "fc-starter" });
  }

  suggestions(questions) {
    return questions.length > 0 && h("div", { class: "fc-cited" },
      h("p", { class: "fc-overline" }, this.words.starters),
      h("ul", { class: "fc-starters" }, questions.map((text) =>
        h("li", {}, h("button", { type: "button", class: "fc-starter", onclick: () => this.chat.ask(text) }, text)))));
  }

  actions(answer) {
    const { words } = this;
    const thumbs = this.chat.film.feedback
      ? [["up", words.good], ["down", words.bad]].map(([verdict, label]) =>
          button(verdict, label, (event) => this.rate(verdict, event.currentTarget), { "aria-pressed": "false" }))
      : [];
    this.thumbs = thumbs;
    const sources = answer.citations.map((one) => `[${one.n}] “${one.quote}” (${origin(one)})`);
    const link = new URL(`/?q=${encodeURIComponent(this.question)}`, location.href).href;
    this.bar = h("div", { class: "fc-actions" },
      button("copy", words.copy, () => this.copy([this.question, answer.answer, ...sources].join("\n\n"), words.copied)),
      button("link", words.link, () => this.copy(link, words.linked)),
      thumbs);
    return this.bar;
  }

  async rate(verdict, thumb) {
    this.thumbs.forEach((one) => one.setAttribute("aria-pressed", String(one === thumb)));
    this.word?.remove();
    await this.send(verdict, "");
    const label = verdict === "up" ? this.words.praise : this.words.word;
    const field = h("input", { type: "text", maxlength: 200, "aria-label": label, placeholder: label });
    this.word = h("form", {
      class: "fc-word",
      onsubmit: (event) => {
        event.preventDefault();
        if (field.value.trim()) this.send(verdict, field.value.trim());
        this.word.remove();
        thumb.focus();
      },
    }, field, h("button", { type: "submit", class: "fc-starter" }, this.words.tell));
    this.bar.after(this.word);
    this.show();
    field.focus({ preventScroll: true });
  }

  async send(verdict, word) {
    try {
      await feedback(this.question, verdict, word);
      this.chat.say(this.words.thanks);
    } catch (error) {
      this.chat.say(error instanceof Trouble ? error.message : this.words.lost);
    }
  }

  async copy(text, said) {
    await copyText(text);
    this.chat.say(said);
    this.flash(said);
  }

  flash(said) {
    const note = h("span", { class: "fc-flash", "aria-hidden": "true" }, said);
    this.bar.querySelector(".fc-flash")?.remove();
    this.bar.append(note);
  }

  show() {
    // The end of a short answer, the beginning of one taller than the view.
    this.chat.scroller.scrollTop = this.element.offsetTop - 20;
  }
}

customElements.define("film-chat", FilmChat);

// On the Gradio page the conversation is there before Gradio is: it moves into the column kept for it once that stands.
function settle(chat, observer) {
  const column = document.getElementById("conversation");
  if (!column) return;
  observer.disconnect();
  const focused = document.activeElement;
  if (column.moveBefore) column.moveBefore(chat, null);
  else column.append(chat);
  if (chat.contains(focused)) focused.focus({ preventScroll: true });
}

const early = document.querySelector("body > film-chat");
if (early) {
  const observer = new MutationObserver(() => settle(early, observer));
  observer.observe(document.body, { childList: true, subtree: true });
  settle(early, observer);
}
