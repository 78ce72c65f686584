// What the page says about a picture: its card, in plain words. Names are always text, never HTML.
"use strict";

const MOST_BARS = 5;
const MOST_NAMED = 5;  // as in image_kit/answering/answers.py
const TINY_SIDE = 96;  // pixels; a smaller picture is enlarged with its pixels in sight
const MOST_SHOWN = 200e6;  // pixels; the engine refuses larger pictures, see engine_photo.js
const SIDE = {one: 1000, many: 320};  // pixels of the longer side of what is shown, which bounds the memory

const facts = JSON.parse(document.getElementById("facts").textContent);

const REFUSALS = {
  heic: ["This picture is in Apple's HEIC format", "This browser cannot open it. On an iPhone, choose Settings, Camera, Formats, " +
    "“Most Compatible”, and take the photo again; or share the picture as a JPEG. Or open the picture, take a screenshot of it, " +
    "and choose the screenshot."],
  unsupported: ["This file is not a picture that can be opened", "Choose a photo, such as a JPEG or a PNG file."],
  broken: ["This picture is damaged", "The file is broken or not complete. Choose another picture, or have it sent to you again."],
  "too-large": ["This picture is too large", "It has more than 200 million pixels. Take a screenshot of it, and choose the screenshot."],
  empty: ["This file is empty", "There is no picture in it. It may not have arrived completely; have it sent to you again."],
};

function make(tag, className, ...parts) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...parts);
  return element;
}

// A class's name, kept apart from the words around it where it is written from right to left.
const named = index => make("bdi", "", facts.classNames[index]);

// "97.3%", as predict.py writes it: Python rounds a tie such as 6.25 to the even digit.
function percent(probability) {
  const value = 100 * probability;
  return `${(value % 1 === 0.25 ? value - 0.01 : value).toFixed(1)}%`;
}

// "a, b or c", or "a, b, c, d, e or one of 7 more".
function oneOf(indices) {
  const shown = indices.slice(0, MOST_NAMED), more = indices.length - shown.length, parts = [];
  shown.forEach((index, place) => {
    if (place) parts.push(place === indices.length - 1 ? " or " : ", ");
    parts.push(named(index));
  });
  return more ? [...parts, ` or one of ${more.toLocaleString("en")} more`] : parts;
}

// The state of an answer, and its words: what stands above the headline, the headline, and what follows.
function wordAnswer({probabilities, predictionSet, isKnown}, order) {
  const best = percent(probabilities[order[0]]);
  if (predictionSet && !isKnown) {
    const none = probabilities.length === 2 ? "Neither" : "None of them";
    return ["unlike", "This is unlike what it was shown", [none], ["If it had to choose, it would say ", named(order[0]), "."]];
  }
  if (predictionSet && predictionSet.length > 1)
    return ["unsure", "It is not sure between", oneOf(predictionSet), ["The likeliest is ", named(order[0]), `, ${best}.`]];
  return ["sure", "This looks like", [named(order[0])], [`It is ${best} certain.`]];
}

class Card {
  constructor(file, isOne) {
    this.file = file;
    this.isOne = isOne;
    this.picture = make("div", "picture");
    this.words = make("div", "words");
    this.element = make("li", "answer", this.picture, this.words);
    this.say("working", "", ["Looking…"]);
  }

  say(state, kicker, headline, ...rest) {
    this.element.className = `answer ${state}`;
    const name = this.isOne ? [] : [make("p", "file", make("bdi", "", this.file.name))];
    const title = make("h2", "", ...headline), above = kicker ? [make("p", "kicker", kicker)] : [];
    if (title.textContent.length > 36) title.className = "long";
    this.words.replaceChildren(...name, ...above, title, ...rest);
  }

  // Each returns what a screen reader is to say.
  showAnswer(answer) {
    const order = [...answer.probabilities.keys()].sort((a, b) => answer.probabilities[b] - answer.probabilities[a] || a - b);
    const [state, kicker, headline, more] = wordAnswer(answer, order);
    const bars = order.slice(0, MOST_BARS).map(index => makeBar(index, answer.probabilities[index]));
    this.say(state, kicker, headline, make("p", "more", ...more), make("ul", "bars", ...bars));
    return this.spoken();
  }

  showRefusal(code) {
    const [headline, more] = REFUSALS[code] || REFUSALS.broken;
    this.say("refused", "", [headline], make("p", "more", more));
    return this.spoken();
  }

  spoken() {
    return [...this.words.querySelectorAll(".file, .kicker, h2, .more")].flatMap(each => [...each.cloneNode(true).childNodes, " "]);
  }

  // A small copy of the picture: the element decodes a large JPEG at a part of its size, and is not kept.
  async showPicture() {
    const image = new Image(), url = URL.createObjectURL(this.file);
    try {
      image.src = url;
      await new Promise((resolve, reject) => Object.assign(image, {onload: resolve, onerror: reject}));
      const {naturalWidth: width, naturalHeight: height} = image;
      if (width * height > MOST_SHOWN) throw new RangeError("too large");
      const scale = Math.min(1, SIDE[this.isOne ? "one" : "many"] / Math.max(width, height));
      const canvas = make("canvas", "");
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Your picture ${this.file.name}`);
      this.picture.classList.toggle("tiny", Math.max(width, height) < TINY_SIDE);
      this.picture.replaceChildren(canvas);
    } catch {
      this.showNoPicture();
    } finally {
      URL.revokeObjectURL(url);
      image.removeAttribute("src");
    }
  }

  showNoPicture() {
    this.picture.classList.add("none");
    this.picture.replaceChildren("?");
    this.picture.setAttribute("aria-hidden", "true");
  }
}

function makeBar(index, probability) {
  const fill = make("div", "fill"), track = make("div", "track", fill);
  fill.style.width = `${100 * probability}%`;
  track.setAttribute("aria-hidden", "true");
  return make("li", "", make("span", "", named(index)), make("span", "share", percent(probability)), track);
}
