// What a film's own site may do with the widget: open it, ask through it, listen to it.

const NAMES = ["open", "close", "answer", "citation", "seek"];

const list = document.getElementById("events");

for (const name of NAMES) {
  document.addEventListener(`filmchat:${name}`, ({ detail }) => {
    const item = document.createElement("li");
    const said = detail?.answer ?? detail?.quote ?? detail?.seconds;
    item.textContent = said === undefined ? name : `${name}: ${said}`;
    list.append(item);
  });
}

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => {
    if (button.dataset.ask) window.FilmChat.ask(button.dataset.ask);
    else window.FilmChat.open();
  });
}
