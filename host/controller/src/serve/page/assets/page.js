// Keeps the page up to date: progress as it goes on, and everything else once something changed.
"use strict";

const shown = () => document.getElementById("live");

function put(id, text) {
  const element = document.getElementById(id);
  if (element && element.textContent !== text) element.textContent = text;
}

// Somebody who is about to send a form, or reads an opened part, is not disturbed.
function isInUse() {
  const live = shown();
  return live.contains(document.activeElement) || live.querySelector("details[open]") !== null;
}

async function renew() {
  const answer = await fetch("/", { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live");
  if (!fresh || isInUse()) return;
  shown().replaceWith(document.adoptNode(fresh));
  document.title = page.title;
}

let busy = false;
const events = new EventSource("/page/live");
events.onmessage = async (event) => {
  const news = JSON.parse(event.data);
  put("round", news.round);
  for (const one of news.backfills) {
    put(`words-${one.id}`, one.words);
    const bar = document.getElementById(`backfill-${one.id}`);
    if (bar) {
      bar.max = one.total;
      bar.value = one.done;
    }
  }
  if (busy || news.version === shown().dataset.version || isInUse()) return;
  busy = true;
  try {
    await renew();
  } catch {
    // The next event tries again.
  } finally {
    busy = false;
  }
};
