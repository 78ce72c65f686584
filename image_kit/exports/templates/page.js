// The one-file classifier's page: starts the engine in a worker, gives it one picture after the other, shows its answers.
"use strict";

const MOST_AT_ONCE = 100;  // pictures, each of which stays on the page as a small copy of up to 0.4 MB
const PIECE = 1 << 18;  // letters of base64 that are decoded at once, a multiple of 4
// A module with one function that returns a vector: only a browser with WebAssembly SIMD accepts it.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

let worker = null;
let begin = null;
const begun = new Promise(resolve => { begin = resolve; });  // once the engine has its data
let isRight = true;  // until the engine says otherwise
let waiting = [];  // cards without an answer
let current = null;  // the card that the engine works on, and its number
let number = 0;

const isNewEnough = () => [Worker, DecompressionStream, OffscreenCanvas, createImageBitmap, Array.prototype.findLastIndex].every(Boolean)
  && WebAssembly.validate(Uint8Array.from(SIMD));

function start() {
  try {
    if (!isNewEnough()) return;
  } catch {
    return;  // the browser does not know one of the names
  }
  element("old").hidden = true;
  element("chooser").hidden = false;
  listenForPictures(takePictures);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => load().catch(refuseAll));
  else load().catch(refuseAll);
}

async function load() {
  const url = URL.createObjectURL(new Blob([facts.engine], {type: "text/javascript"}));
  worker = new Worker(url);
  worker.onmessage = ({data}) => HANDLERS[data.kind]?.(data);
  worker.onerror = event => refuseAll(event);
  const {buffer} = await decode(element("data"));
  worker.postMessage({kind: "load", data: buffer}, [buffer]);
  URL.revokeObjectURL(url);
  begin();
}

// The bytes of base64 text, in pieces, so that the page stays awake. The element goes, and its text with it.
async function decode(holder) {
  const text = holder.textContent.trim();
  holder.remove();
  const bytes = new Uint8Array(text.length / 4 * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0));
  for (let at = 0; at < text.length; at += PIECE) {
    const piece = atob(text.slice(at, at + PIECE)), from = at / 4 * 3;
    for (let i = 0; i < piece.length; i++) bytes[from + i] = piece.charCodeAt(i);
    showProgress(0.3 * at / text.length);
    if (at / PIECE % 8 === 7) await new Promise(resolve => setTimeout(resolve));
  }
  return bytes;
}

const showProgress = fraction => { element("progress").value = fraction; };

const HANDLERS = {
  progress: ({fraction}) => showProgress(0.3 + 0.7 * fraction),
  ready: ({facts: {coverage}}) => {
    element("loading").hidden = true;
    if (!waiting.length && !current) speak("Ready. Choose a picture.");
    if (!coverage) return;
    element("coverage").textContent = "Where it is not sure, it names all that it may be: of 100 pictures like those it was " +
      `trained on, what it names includes the right answer for about ${Math.round(100 * coverage)}.`;
    element("coverage").hidden = false;
  },
  wrong: ({reason}) => refuseAll({message: reason}),
  answer: message => finish(message, card => card.showAnswer(message)),
  refused: message => finish(message, card => card.showRefusal(message.code)),
};

function takePictures(files) {
  if (!isRight) return;
  if (files.length > MOST_AT_ONCE) note(`Only the first ${MOST_AT_ONCE} of these ${files.length.toLocaleString("en")} pictures are answered.`);
  waiting = files.slice(0, MOST_AT_ONCE).map(file => new Card(file, files.length === 1));
  element("answers").replaceChildren(...waiting.map(card => card.element));
  element("answers").classList.toggle("many", files.length > 1);
  element("results").hidden = false;
  document.body.classList.add("answered");
  element("choose-words").textContent = "Another picture";
  window.scrollTo(0, 0);
  speak("Looking…");
  next();
}

// One picture at a time: a large one takes hundreds of megabytes while it is read.
async function next() {
  if (current || !waiting.length) return;
  current = {card: waiting.shift(), id: ++number};
  const {card, id} = current;
  await Promise.all([card.showPicture(), begun]);
  worker.postMessage({kind: "classify", id, file: card.file});
}

function finish(message, show) {
  if (current?.id !== message.id) return;
  const {card} = current;
  current = null;
  const words = show(card);
  if (card.element.isConnected) speak(...words);
  document.dispatchEvent(new CustomEvent("answered", {detail: message}));  // for the proof, see html_answer.py
  next();
}

function speak(...words) { element("spoken").replaceChildren(...words); }

// Nothing is answered any more: a wrong answer would be worse than none.
function refuseAll({message}) {
  isRight = false;
  worker?.terminate();
  for (const id of ["chooser", "results"]) element(id).hidden = true;
  document.body.classList.remove("answered");
  element("wrong").replaceChildren(
    make("h2", "", "This page does not work correctly here"),
    make("p", "", "It checks itself when it opens. That check failed, so it gives no answers: they could be wrong. Try another browser, " +
      "or have the file sent to you again."),
    make("p", "hint", `For the person who sent it: ${message || "the engine stopped"}.`));
  element("wrong").hidden = false;
}

start();
