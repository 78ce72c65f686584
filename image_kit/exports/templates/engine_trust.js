// How far an answer can be trusted, as image_kit/trust/ computes it: temperature, prediction sets, novelty scores.
"use strict";

const TINY = 1e-8;  // the least probability whose logarithm is taken, as in calibration.py
const NEAREST = 3, SCALES = [1, 2, 4], SAMPLES = 32;  // as in neighbours.py and novelty.py

function toProbabilities(outputs, head) {
  if (head === "sigmoid") return Float32Array.of(1 - outputs[0], outputs[0]);
  return head === "logits" ? softmax(outputs.slice()) : outputs;
}

function withTemperature(probabilities, temperature) {
  const logits = Float64Array.from(probabilities, each => Math.log(Math.max(each, TINY)) / temperature);
  return Float32Array.from(softmax(logits));
}

// The classes that may be right, the most probable first; none if the picture is unlike the training photos.
function predictionSet(probabilities, novelty, {most_nonconformity, most_novelty}) {
  if (novelty > (most_novelty ?? Infinity)) return [];
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  const allowed = index => Math.fround(1 - probabilities[index]) <= (most_nonconformity ?? Infinity);
  return order.filter((index, place) => place === 0 || allowed(index));
}

// 1 - the mean cosine similarity to the nearest training photos; axes (d, p), bank (n, p).
function featureNovelty(features, {axes, bank}) {
  const length = Math.max(Math.hypot(...features), 1e-12), count = axes.length / features.length;
  const along = new Float64Array(count);
  features.forEach((value, d) => {
    for (let axis = 0; axis < count; axis++) along[axis] += value / length * axes[d * count + axis];
  });
  const similarities = new Float32Array(bank.length / count).map((_, n) =>
    along.reduce((sum, value, axis) => sum + value * bank[n * count + axis], 0));
  const nearest = similarities.sort().slice(-NEAREST);
  return 1 - nearest.reduce((a, b) => a + b, 0) / nearest.length;
}

// The squared Mahalanobis distance of a picture's statistics from those of the training photos.
function pixelNovelty(pixels, shape, {mean, whitening}) {
  const off = pixelStatistics(pixels, shape).map((value, i) => value - mean[i]);
  return mean.reduce((total, _, column) =>
    total + off.reduce((sum, value, row) => sum + value * whitening[row * mean.length + column], 0) ** 2, 0);
}

const meanOf = values => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values, mean = meanOf(values)) => Math.sqrt(meanOf(values.map(value => (value - mean) ** 2)));
const logarithm = value => Math.log(value + 1);

// `image_statistics` of novelty.py for one picture.
function pixelStatistics(pixels, [height, width, channels]) {
  const step = Math.max(1, Math.floor(Math.min(height, width) / SAMPLES));
  const range = (from, to) => Array.from({length: Math.ceil((to - from) / step)}, (_, i) => from + i * step);
  const at = (y, x) => pixels.subarray((y * width + x) * channels, (y * width + x + 1) * channels);
  const view = (rows, columns) => rows.flatMap(y => columns.map(x => at(y, x)));
  const gray = view => view.map(pixel => Math.fround(meanOf([...pixel])));
  const rows = range(0, height), columns = range(0, width);
  const sampled = view(rows, columns), grays = gray(sampled);
  const border = gray([...view([0, height - 1], columns), ...view(rows, [0, width - 1])]);
  const neighbours = scale => {
    const near = Math.min(scale, height - 1, width - 1);
    return [[view(range(near, height), columns), view(range(0, height - near), columns)],
            [view(rows, range(near, width)), view(rows, range(0, width - near))]];
  };
  const found = [meanOf(grays) / 64, logarithm(deviation(grays)), meanOf(border) / 64, logarithm(deviation(border))];
  for (const scale of SCALES)
    for (const [moved, kept] of neighbours(scale)) {
      const others = gray(kept);
      found.push(logarithm(meanOf(gray(moved).map((value, i) => Math.abs(value - others[i])))));
    }
  const alike = neighbours(1).map(([moved, kept]) =>
    meanOf(moved.flatMap((pixel, i) => [...pixel].map((value, channel) => +(value === kept[i][channel])))));
  found.push(4 * Math.sqrt(meanOf(alike)));
  const values = sampled.flatMap(pixel => [...pixel]);
  found.push(4 * Math.sqrt(meanOf(values.map(value => +(value === 0 || value === 255)))));
  if (channels === 3) {
    const tints = [0, 1, 2].map(channel => sampled.map((pixel, i) => pixel[channel] - grays[i]));
    found.push(logarithm(meanOf(tints.flat().map(Math.abs))), logarithm(meanOf(tints.map(each => deviation(each)))));
    found.push(meanOf(tints[0].map((value, i) => value - tints[2][i])) / 32);
  }
  return found;
}
