"use strict";

const MOST_SHOWN = 5; // classes below the answer
const element = (id) => document.getElementById(id);
const maxBytes = Number(document.querySelector("main").dataset.maxBytes);
const busySeconds = 20; // for which a full queue is asked again
let asked = 0; // photos so far: an answer to an earlier one is not shown

function show(answer, note, probabilities) {
  element("answer").replaceChildren(answer);
  element("note").textContent = note;
  const rows = Object.entries(probabilities || {}).sort((a, b) => b[1] - a[1]).slice(0, MOST_SHOWN);
  element("classes").replaceChildren(...rows.map(([name, probability]) => row(name, probability)));
}

function row(name, probability) {
  const item = document.createElement("li");
  const line = document.createElement("div");
  const number = document.createElement("span");
  const bar = document.createElement("progress");
  number.className = "number";
  number.textContent = (100 * probability).toFixed(1) + " %";
  bar.value = probability;
  bar.setAttribute("aria-hidden", "true");
  line.append(isolated(name), number);
  item.append(line, bar);
  return item;
}

function isolated(name) {
  const text = document.createElement("bdi");
  text.textContent = name;
  return text;
}

function listed(names) {
  const words = document.createElement("span");
  names.forEach((name, index) => {
    words.append(index === 0 ? "" : index < names.length - 1 ? ", " : " or ", isolated(name));
  });
  return words;
}

function showAnswer(answer) {
  const set = answer.prediction_set;
  if (answer.error) {
    show("This photo cannot be read", answer.error, null);
  } else if (set && set.length === 0) {
    show("None of them", "It is unlike the photos that I learned from. The nearest would be:", answer.probabilities);
  } else if (set && set.length > 1) {
    const named = set.slice(0, MOST_SHOWN);
    const more = set.length - named.length;
    show(listed(named), `Not sure between these${more ? ` and ${more} more` : ""}.`, answer.probabilities);
  } else {
    show(isolated(answer.label), "", answer.probabilities);
  }
}

async function send(photo) {
  const form = new FormData();
  form.append("photo", photo, photo.name || "photo");
  const end = Date.now() + 1000 * busySeconds;
  for (;;) {
    const response = await fetch("predict", { method: "POST", body: form });
    if (response.status !== 503 || Date.now() > end) return response.json();
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

async function ask(photo) {
  const number = ++asked;
  const picture = element("picture");
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(photo);
  picture.hidden = false;
  show("Looking …", "", null);
  let answer;
  if (photo.size > maxBytes) {
    answer = { error: `It has more than ${Math.floor(maxBytes / 2 ** 20)} MB. Choose a smaller one.` };
  } else {
    answer = await send(photo).catch(() => null);
  }
  if (number !== asked) return;
  if (answer) showAnswer(answer);
  else show("No answer", "The computer that runs this page cannot be reached.", null);
}

function askFirst(files) {
  if (files && files.length) ask(files[0]);
}

element("picture").addEventListener("error", () => { element("picture").hidden = true; });
element("choose").addEventListener("change", (event) => {
  askFirst(event.target.files);
  event.target.value = ""; // so that the same photo can be chosen again
});
document.addEventListener("paste", (event) => askFirst(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  element("drop").classList.add("over");
});
document.addEventListener("dragleave", () => element("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  element("drop").classList.remove("over");
  askFirst(event.dataTransfer.files);
});
