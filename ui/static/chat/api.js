// The HTTP API, as the page uses it.

const TOKEN = document.querySelector("meta[name=visitor]")?.content;

/** Trouble the visitor can be told of. */
export class Trouble extends Error {}

export async function surroundings({ document: name, start, end }, spoilers) {
  const query = new URLSearchParams({ document: name, start, end, spoilers });
  const response = await fetch(`/api/passage?${query}`);
  return response.ok ? response.json() : null;
}

export async function feedback(question, verdict, word = "") {
  await post("/api/feedback", { question, verdict, word });
}

/** Ask; `onText` gets each piece of the answer as it is written. Resolves to the whole Answer. */
export async function ask({ question, history, spoilers }, onText, signal) {
  const response = await post("/api/ask/stream", { question, history, spoilers }, signal);
  let answer = null;
  for await (const { name, data } of events(response.body)) {
    if (name === "text") onText(data);
    if (name === "answer") answer = data;
    if (name === "error") throw new Trouble(data.detail);
  }
  if (!answer) throw new TypeError("the stream ended without an answer");
  return answer;
}

async function post(path, body, signal) {
  const headers = { "content-type": "application/json", ...(TOKEN ? { "x-visitor": TOKEN } : {}) };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) {
    const { detail } = await response.json().catch(() => ({}));
    throw new Trouble(detail || response.statusText);
  }
  return response;
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (key) =>
        block.split("\n").filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2)).join("\n");
      if (field("data")) yield { name: field("event"), data: JSON.parse(field("data")) };
    }
  }
}
