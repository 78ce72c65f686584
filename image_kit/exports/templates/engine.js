// The worker of the one-file classifier: unpacks a trained network, checks it, and answers photos.
//
// It takes {kind: "load", data} and {kind: "classify", id, file}, and posts "progress", "ready", "wrong", "answer" and
// "refused" (see docs/one_file.md). Its other parts stand in engine_network.js, engine_photo.js and engine_trust.js.
"use strict";

const SLICE = 1 << 17;  // bytes that are unpacked between two reports of progress
let classifier = null;
let queue = Promise.resolve();  // one message at a time, in order

self.onmessage = ({data: message}) => { queue = queue.then(() => handle(message)); };

async function handle(message) {
  if (message.kind === "load") {
    try {
      const loaded = await Classifier.load(await unpack(message.data));
      await loaded.check();
      classifier = loaded;
      postMessage({kind: "ready", classNames: loaded.data.class_names, facts: loaded.data.facts});
    } catch (error) {
      postMessage({kind: "wrong", reason: String(error.message || error)});
    }
  } else if (classifier) {
    try {
      const began = performance.now();
      const {probabilities, predictionSet, isKnown} = await classifier.classify(message.file);
      const seconds = (performance.now() - began) / 1000;
      postMessage({kind: "answer", id: message.id, probabilities, predictionSet, isKnown, seconds});
    } catch (error) {
      const detail = String(error.message || error);
      postMessage({kind: "refused", id: message.id, code: error.code || "broken", detail});
    }
  }
}

// Undoes deflate; damaged data do not have the right checksum, which this finds.
async function unpack(data) {
  const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter();
  const unpacked = new Response(stream.readable).arrayBuffer();
  unpacked.catch(() => {});  // reported below
  try {
    for (let at = 0; at < data.byteLength; at += SLICE) {
      await writer.write(new Uint8Array(data.slice(at, at + SLICE)));
      postMessage({kind: "progress", fraction: Math.min(1, (at + SLICE) / data.byteLength) * 0.8});
    }
    await writer.close();
    return await unpacked;
  } catch {
    throw new Error("the page's data are damaged");
  }
}

class Classifier {
  // The block of page_data.py: the header's length, the header as JSON, and arrays.
  static async load(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const reader = new Classifier();
    Object.assign(reader, {data, buffer, start: Math.ceil((4 + length) / 4) * 4});
    reader.kernels = await WebAssembly.compile(reader.array(data.kernels));
    const {exports} = await WebAssembly.instantiate(reader.kernels);
    const read = entry => reader.array(entry);
    reader.network = new Network(exports, data.preprocessing.shape, data.layers, data.outputs, read);
    const novelty = data.trust?.novelty || {};
    reader.novelty = Object.fromEntries(Object.entries(novelty).map(([name, entry]) => [name, read(entry)]));
    return reader;
  }

  array({kind, shape, start, steps}) {
    const size = sizeOf(shape), at = this.start + start;
    if (kind === "float32") return new Float32Array(this.buffer, at, size);
    const bytes = new Uint8Array(this.buffer, at, kind === "steps" ? 2 * size : size);
    if (kind === "uint8") return bytes;
    const step = this.array(steps), channels = step.length, values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = (bytes[i] | bytes[size + i] << 24 >> 16) * step[i % channels];
    return values;
  }

  async classify(file) {
    return this.answer(await readPhoto(file, this.data.preprocessing, this.kernels));
  }

  answer(pixels) {
    const {preprocessing, head, trust} = this.data;
    const [outputs, features] = this.network.run(pixels, preprocessing.rescale);
    const uncalibrated = toProbabilities(outputs, head);
    if (!uncalibrated.every(Number.isFinite)) throw new Error("the network's answer is not a number");
    if (!trust) return {pixels, features, probabilities: [...uncalibrated], predictionSet: null, isKnown: true};
    const novelty = "bank" in this.novelty
      ? featureNovelty(features, this.novelty)
      : pixelNovelty(pixels, preprocessing.shape, this.novelty);
    const found = predictionSet(uncalibrated, novelty, trust);
    const probabilities = [...withTemperature(uncalibrated, trust.temperature)];
    return {pixels, features, probabilities, predictionSet: found, isKnown: found.length > 0, novelty};
  }

  // Raises an error unless the golden pictures are read and answered as predict.py does.
  async check() {
    for (const [number, golden] of this.data.golden.entries()) {
      const answer = await this.classify(new Blob([this.array(golden.file)]));
      refuseOtherPixels(answer.pixels, golden, number + 1);
      const worst = Math.max(...answer.probabilities.map((each, i) => Math.abs(each - golden.probabilities[i])));
      if (!(worst <= golden.tolerance))
        throw new Error(`golden picture ${number + 1}: a probability differs by ${worst.toFixed(4)}`);
      postMessage({kind: "progress", fraction: 0.8 + 0.2 * (number + 1) / this.data.golden.length});
    }
  }
}

function refuseOtherPixels(pixels, {adler32}, number) {
  if (adler32 !== null && adler32 !== adler(pixels))
    throw new Error(`golden picture ${number}: this browser reads other pixels`);
}

// The checksum Adler-32, as Python's zlib.adler32.
function adler(bytes) {
  let a = 1, b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}
