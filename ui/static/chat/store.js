// What is remembered, in the visitor's own browser alone. A browser that forbids it remembers nothing, and all else works.

const TURNS = 50;

export const store = {
  get turns() {
    return read("film-chat-turns", []);
  },
  set turns(turns) {
    write("film-chat-turns", turns.slice(-TURNS));
  },
  get theme() {
    return read("film-chat-theme", null);
  },
  set theme(theme) {
    write("film-chat-theme", theme);
  },
  get seen() {
    return read("film-chat-seen", false);
  },
  set seen(seen) {
    write("film-chat-seen", seen);
  },
};

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and frames on other sites may refuse; the chat then lasts as long as the page.
  }
}
