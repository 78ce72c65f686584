// A trained network: a plan of where each value stands in WebAssembly's memory, and one step for each layer.
"use strict";

const COLUMNS = 8, TILE = 64;  // as in kernels.c
const FLOAT = 4;  // bytes
const CLAMPS = {linear: [-Infinity, Infinity], relu: [0, Infinity], relu6: [0, 6]};
const ACTIVATIONS = {
  relu: values => values.forEach((value, i) => { values[i] = Math.max(0, value); }),
  relu6: values => values.forEach((value, i) => { values[i] = Math.min(6, Math.max(0, value)); }),
  sigmoid: values => values.forEach((value, i) => { values[i] = 1 / (1 + Math.exp(-value)); }),
  tanh: values => values.forEach((value, i) => { values[i] = Math.tanh(value); }),
  softmax: (values, length) => {
    for (let at = 0; at < values.length; at += length) softmax(values.subarray(at, at + length));
  },
};

function softmax(row) {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  for (let i = 0; i < row.length; i++) total += row[i] = Math.exp(row[i] - most);
  for (let i = 0; i < row.length; i++) row[i] /= total;
  return row;
}

const sizeOf = shape => shape.reduce((a, b) => a * b, 1);

// Places in the memory, in bytes. What is given back is taken again by what fits.
class Places {
  constructor(start) {
    this.end = start;
    this.free = [];
  }

  take(bytes, forGood = false) {
    bytes = Math.ceil(bytes / 16) * 16;
    const fitting = !forGood && this.free.filter(each => each.bytes >= bytes).sort((a, b) => a.bytes - b.bytes)[0];
    if (!fitting) {
      this.end = Math.ceil(this.end / 16) * 16 + bytes;
      return {at: this.end - bytes, bytes};
    }
    this.free.splice(this.free.indexOf(fitting), 1);
    return fitting;
  }

  give(place) { this.free.push(place); }
}

class Network {
  // `exports` of kernels.wasm; `layers` as image_kit/exports/page_data_layers.py writes them; `arrayOf` reads a layer's
  // weights. Number 0 is the image, number i the output of layer i - 1; `outputs` are the numbers to return.
  constructor(exports, imageShape, layers, outputs, arrayOf) {
    Object.assign(this, {exports, layers, arrayOf, fills: []});
    this.places = new Places(exports.__heap_base.value);
    this.tensors = [this.tensor(imageShape)];
    const lastUse = [imageShape, ...layers].map((_, number) =>
      outputs.includes(number) ? Infinity : layers.findLastIndex(layer => layer.inputs.includes(number)));
    const rows = layers.filter(({kind}) => kind === "convolution").map(({weights: [{shape}]}) => shape[0]);
    this.rows = this.places.take(Math.max(0, ...rows) * TILE * FLOAT, true).at;
    const plans = layers.map((layer, index) => {
      const inputs = layer.inputs.map(number => this.tensors[number]), output = this.tensor(layer.shape);
      this.tensors.push(output);
      const plan = {layer, inputs, output, constants: this.plan(layer)};
      for (const number of new Set([...layer.inputs, index + 1]))
        if (lastUse[number] <= index) this.places.give(this.tensors[number].place);
      return plan;
    });
    const missing = this.places.end - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(Math.ceil(missing / 65536));
    for (const fill of this.fills) fill();
    this.steps = plans.map(plan => this.step(plan));
    this.image = this.view(this.tensors[0]);
    this.outputs = outputs.map(number => this.view(this.tensors[number]));
  }

  tensor(shape) { return {shape, size: sizeOf(shape), place: this.places.take(sizeOf(shape) * FLOAT)}; }

  view({place, size}) { return new Float32Array(this.exports.memory.buffer, place.at, size); }

  // Takes a place for constants, to be filled when the memory is there; returns where it is.
  constant(length, fill, Type = Float32Array) {
    const {at} = this.places.take(length * FLOAT, true);  // a place that was given back is used again in the next run
    this.fills.push(() => fill(new Type(this.exports.memory.buffer, at, length).fill(0)));
    return at;
  }

  // The places of a layer's weights.
  plan({kind, window, inputs, weights}) {
    const constants = {};
    if (window) {
      const values = [...this.tensors[inputs[0]].shape, ...window];
      constants.window = this.constant(values.length, place => place.set(values), Int32Array);
    }
    if (kind === "convolution" || kind === "dense") {
      const [length, columns] = weights[0].shape, padded = Math.ceil(columns / COLUMNS) * COLUMNS;
      const fill = place => toPanels(this.arrayOf(weights[0]), length, columns, place);
      constants.panels = this.constant(length * padded, fill);
      constants.bias = this.constant(padded, place => place.set(this.arrayOf(weights[1])));
    } else if (weights.length) {
      const places = weights.map(each => this.constant(sizeOf(each.shape), place => place.set(this.arrayOf(each))));
      [constants.weights, constants.bias] = places;
      constants.length = sizeOf(weights[0].shape);
    }
    return constants;
  }

  // The function that computes a layer.
  step({layer, inputs, output, constants}) {
    const views = inputs.map(each => this.view(each)), out = this.view(output);
    const [low, high] = CLAMPS[layer.activation] || CLAMPS.linear;
    const given = {...this.exports, layer, inputs, output, constants, views, out, low, high, rows: this.rows};
    const compute = KINDS[layer.kind](given);
    const isDone = layer.activation in CLAMPS && ["convolution", "depthwise", "dense"].includes(layer.kind);
    const activate = isDone ? null : ACTIVATIONS[layer.activation];
    return () => {
      compute();
      if (activate) activate(out, layer.shape[layer.shape.length - 1]);
    };
  }

  // Uint8 pixels in the image's shape to the outputs, Float32Array each.
  run(pixels, rescale) {
    const factor = Math.fround(rescale);
    for (let i = 0; i < pixels.length; i++) this.image[i] = pixels[i] * factor;
    for (const step of this.steps) step();
    return this.outputs.map(each => each.slice());
  }
}

// Weights (length, columns) as panels of COLUMNS columns, one after another; the last one is filled with zeros.
function toPanels(weights, length, columns, panels) {
  for (let column = 0; column < columns; column++) {
    const panel = Math.floor(column / COLUMNS) * COLUMNS * length + column % COLUMNS;
    for (let k = 0; k < length; k++) panels[panel + k * COLUMNS] = weights[k * columns + column];
  }
}

// For each kind of layer, a function of what `step` knows that returns the function that computes the layer.
const KINDS = {
  convolution: ({convolve, multiply, layer, inputs: [image], output, constants: c, low, high, rows}) => {
    const filters = layer.shape[2], [in_, out] = [image.place.at, output.place.at];
    const isPointwise = layer.window.slice(0, 4).every(each => each === 1);  // the image's pixels are the rows then
    return isPointwise
      ? () => multiply(in_, image.size / image.shape[2], image.shape[2], c.panels, c.bias, out, filters, low, high)
      : () => convolve(in_, c.window, c.panels, c.bias, out, filters, low, high, rows);
  },
  depthwise: ({convolve_depthwise, inputs: [image], output, constants: c, low, high}) =>
    () => convolve_depthwise(image.place.at, c.window, c.weights, c.bias, output.place.at, low, high),
  dense: ({multiply, inputs: [row], output, constants: c, low, high}) =>
    () => multiply(row.place.at, 1, row.size, c.panels, c.bias, output.place.at, output.size, low, high),
  max_pool: pooling(0),
  mean_pool: pooling(1),
  same: ({views: [values], out}) => () => out.set(values),
  pad: ({layer: {padding: [above, left], shape: [, wide, channels]}, inputs: [image], views: [values], out}) => () => {
    const length = image.shape[1] * channels;
    for (let y = 0; y < image.shape[0]; y++)
      out.set(values.subarray(y * length, (y + 1) * length), ((y + above) * wide + left) * channels);
  },
  affine: ({constants: {weights, bias, length}, exports, memory, views: [values], out}) => {
    const [scale, offset] = [weights, bias].map(at => new Float32Array(memory.buffer, at, length));
    return () => values.forEach((value, i) => {
      out[i] = Math.fround(value * scale[i % length]) + offset[i % length];
    });
  },
  add: merging((a, b) => a + b),
  multiply: merging((a, b) => a * b),
  average: given => {
    const sum = KINDS.add(given), count = Math.fround(1 / given.views.length);
    return () => {
      sum();
      given.out.forEach((value, i) => { given.out[i] = value * count; });
    };
  },
  concatenate: ({layer: {axis, shape}, inputs, views, out}) => () => {
    let at = 0;  // in each of the pieces that stand one after another
    const stride = sizeOf(shape.slice(axis));
    views.forEach((values, input) => {
      const length = sizeOf(inputs[input].shape.slice(axis));
      for (let piece = 0; piece * length < values.length; piece++)
        out.set(values.subarray(piece * length, (piece + 1) * length), piece * stride + at);
      at += length;
    });
  },
  unit: ({layer: {shape}, views: [values], out}) => () => {
    const length = shape[shape.length - 1];
    for (let at = 0; at < values.length; at += length) {
      let total = 0;
      for (let i = at; i < at + length; i++) total += values[i] * values[i];
      const scale = 1 / Math.sqrt(Math.max(total, 1e-24));
      for (let i = at; i < at + length; i++) out[i] = values[i] * scale;
    }
  },
};

function pooling(isMean) {
  return ({pool, inputs: [image], output, constants: {window}}) =>
    () => pool(image.place.at, window, output.place.at, isMean);
}

// Two or more arrays of as many dimensions, value by value; a side of 1 is repeated.
function merging(combine) {
  return ({layer: {shape}, inputs, views, out}) => {
    const sides = [1, 1, 1, ...shape].slice(-3);
    const strides = inputs.map(input => {
      const [high, wide, channels] = [1, 1, 1, ...input.shape].slice(-3);
      return [high > 1 ? wide * channels : 0, wide > 1 ? channels : 0, channels > 1 ? 1 : 0];
    });
    return () => views.forEach((values, number) => {
      const [down, right, next] = strides[number];
      let i = 0;
      for (let y = 0; y < sides[0]; y++)
        for (let x = 0; x < sides[1]; x++)
          for (let channel = 0, at = y * down + x * right; channel < sides[2]; channel++, at += next, i++)
            out[i] = number ? combine(out[i], values[at]) : values[at];
    });
  };
}
