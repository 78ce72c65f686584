// A picture's file to the network's pixels, as image_kit/photos/ reads it with Pillow.
"use strict";

const MAX_PIXELS = 200_000_000;  // as in opening.py
const STRIP = 1 << 20;  // pixels that are read from the browser's decoded picture at once: 4 MB
const HEIC = /^ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)/;
const WEBP = /^RIFF....WEBP/s;
const READABLE = [/^\xff\xd8\xff/, /^\x89PNG/, /^GIF8/, WEBP, /^BM/, /^....ftypavi[fs]/s];
// By EXIF orientation: where a step to the right in the stored picture leads, x and y, and then a step down.
const TURNS = {
  ...{2: [-1, 0, 0, 1], 3: [-1, 0, 0, -1], 4: [1, 0, 0, -1]},
  ...{5: [0, 1, 1, 0], 6: [0, 1, -1, 0], 7: [0, -1, -1, 0], 8: [0, -1, 1, 0]},
};

class Refused extends Error {
  constructor(code, detail) {
    super(detail);
    this.code = code;
  }
}

// Uint8 pixels in the shape that the network wants.
async function readPhoto(file, preprocessing, kernels) {
  const [height, width, channels] = preprocessing.shape;
  if (!file.size) throw new Refused("empty", "the file is empty");
  const head = new Uint8Array(await file.slice(0, 1 << 18).arrayBuffer()), header = readHeader(head);
  refuseLarge(header);
  const bitmap = await decode(file, head);
  try {
    refuseLarge(bitmap);
    const side = header.isJpeg ? draftSide(bitmap, Math.max(height, width)) : 1;
    const photo = await WebAssembly.instantiate(kernels);  // its memory grows with the picture, and is freed with it
    return new Resizer(photo.exports, bitmap, {side, header, channels}).resize(height, width, preprocessing);
  } finally {
    bitmap.close();
  }
}

function refuseLarge({width, height}) {
  if (width * height > MAX_PIXELS)
    throw new Refused("too-large", `${width} x ${height} pixels are more than ${MAX_PIXELS}`);
}

async function decode(file, head) {
  const text = String.fromCharCode(...head.subarray(0, 32)), options = {colorSpaceConversion: "none"};
  try {
    if (!WEBP.test(text)) return await createImageBitmap(file, {...options, imageOrientation: "from-image"});
    const bitmap = await createImageBitmap(file, {...options, imageOrientation: "none"});
    return turned(bitmap, await webpOrientation(file));  // Chromium itself turns JPEGs and PNGs, and leaves WebP alone
  } catch (error) {
    if (HEIC.test(text.slice(4))) throw new Refused("heic", "HEIC, which this browser cannot read");
    const code = READABLE.some(start => start.test(text)) ? "broken" : "unsupported";
    throw new Refused(code, String(error.message || error));
  }
}

// A picture as EXIF says that it is to be seen, on white.
function turned(bitmap, orientation) {
  if (!(orientation in TURNS)) return bitmap;
  const [a, b, c, d] = TURNS[orientation], {width, height} = bitmap;
  const canvas = new OffscreenCanvas(...(a ? [width, height] : [height, width]));
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(a, b, c, d, a + c < 0 ? canvas.width : 0, b + d < 0 ? canvas.height : 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.transferToImageBitmap();
}

// A WebP file is a list of chunks, each with its name and length.
async function webpOrientation(file) {
  for (let at = 12, length; at + 8 <= file.size; at += 8 + length + length % 2) {
    const start = new DataView(await file.slice(at, at + 8).arrayBuffer());
    length = start.getUint32(4, true);
    if (start.getUint32(0) !== 0x45584946) continue;
    const exif = new DataView(await file.slice(at + 8, at + 8 + length).arrayBuffer());
    const skipped = length > 6 && exif.getUint32(0) === 0x45786966 ? 6 : 0;  // some begin as in a JPEG, with "Exif"
    return orientationOf(new DataView(exif.buffer, skipped));
  }
  return 1;
}

// Size and EXIF orientation, as far as they stand at the file's beginning: JPEG's and PNG's size, JPEG's orientation.
function readHeader(bytes) {
  const view = new DataView(bytes.buffer), header = {isJpeg: bytes[0] === 0xff && bytes[1] === 0xd8, orientation: 1};
  if (bytes.length > 24 && view.getUint32(0) === 0x89504e47)
    return {...header, width: view.getUint32(16), height: view.getUint32(20)};
  for (let at = 2; header.isJpeg && at + 10 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1], length = view.getUint16(at + 2);
    if (marker === 0xe1 && view.getUint32(at + 4) === 0x45786966)
      header.orientation = orientationOf(new DataView(bytes.buffer, at + 10, Math.min(length, bytes.length - at) - 8));
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return {...header, height: view.getUint16(at + 5), width: view.getUint16(at + 7)};
    at += 2 + length;
  }
  return header;
}

function orientationOf(tiff) {
  try {
    const isLittle = tiff.getUint16(0) === 0x4949, directory = tiff.getUint32(4, isLittle);
    for (let entry = 0; entry < tiff.getUint16(directory, isLittle); entry++) {
      const at = directory + 2 + entry * 12;
      if (tiff.getUint16(at, isLittle) === 0x112) return tiff.getUint16(at + 8, isLittle);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;  // damaged EXIF tells nothing, as in opening.py
  }
  return 1;
}

// Pillow lets libjpeg decode at 1/2, 1/4 or 1/8 while both sides keep `smallest` pixels: the means of blocks.
function draftSide({width, height}, smallest) {
  const scale = Math.min(Math.floor(width / smallest), Math.floor(height / smallest));
  return [8, 4, 2].find(side => scale >= side) || 1;
}

// Pillow's bilinear resizing of a decoded picture, strip by strip.
class Resizer {
  constructor(exports, bitmap, {side, header: {orientation}, channels}) {
    Object.assign(this, {exports, bitmap, side, channels});
    // libjpeg's blocks begin at the stored picture's top left corner; where the orientation has put that elsewhere, the
    // first block is what is left over.
    const isRight = [2, 3, 6, 7].includes(orientation), isBelow = [3, 4, 7, 8].includes(orientation);
    this.firstColumns = (isRight && bitmap.width % side) || side;
    this.firstRows = (isBelow && bitmap.height % side) || side;
    this.width = Math.ceil(bitmap.width / side);  // in blocks
    this.height = Math.ceil(bitmap.height / side);
    this.end = exports.__heap_base.value;
  }

  take(bytes) {
    const at = Math.ceil(this.end / 16) * 16, missing = at + bytes - this.exports.memory.buffer.byteLength;
    this.end = at + bytes;
    if (missing > 0) this.exports.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  resize(height, width, {crop, resizes_height_first}) {
    const [left, top, right, bottom] = seen(this.width, this.height, height / width, crop);
    const across = this.weights(this.width, left, right, width), down = this.weights(this.height, top, bottom, height);
    // Since its version 13, Pillow begins with the height where that shrinks by twice as many pixels as the width.
    const isDownFirst = height < this.height && this.height - height > 2 * (this.width - width);
    const out = resizes_height_first && isDownFirst
      ? this.resizeDownFirst(height, width, across, down)
      : this.resizeAcrossFirst(height, width, across, down);
    return new Uint8Array(this.exports.memory.buffer, out, height * width * this.channels).slice();
  }

  resizeAcrossFirst(height, width, across, down) {
    const length = width * this.channels, rows = this.take(this.height * length), out = this.take(height * length);
    const most = Math.floor(STRIP / this.bitmap.width / this.side) || 1;
    for (const band of this.bands(this.width, most))
      for (let row = 0; row < band.rows; row++) {
        const from = band.at + row * this.width * this.channels;
        this.resample(from, this.channels, width, across, rows + (band.row + row) * length);
      }
    this.resample(rows, length, height, down, out);
    return out;
  }

  resizeDownFirst(height, width, across, down) {
    const {channels} = this, length = this.width * channels, rows = this.take(height * length);
    const most = Math.floor(STRIP / this.bitmap.height / this.side) || 1, piece = this.take(height * most * channels);
    const out = this.take(height * width * channels);
    for (const band of this.bands(most, this.height)) {
      this.resample(band.at, band.columns * channels, height, down, piece);
      const memory = new Uint8Array(this.exports.memory.buffer);
      for (let row = 0; row < height; row++) {
        const from = piece + row * band.columns * channels;
        memory.copyWithin(rows + row * length + band.column * channels, from, from + band.columns * channels);
      }
    }
    for (let row = 0; row < height; row++)
      this.resample(rows + row * length, channels, width, across, out + row * width * channels);
    return out;
  }

  resample(from, channels, count, weights, to) {
    if (weights) this.exports.resample(from, channels, count, weights.bounds, weights.weights, weights.most, to);
    else new Uint8Array(this.exports.memory.buffer).copyWithin(to, from, from + count * channels);
  }

  // The picture in bands of up to `columns` x `rows` blocks, which stand at `at` then.
  * bands(columns, rows) {
    const {bitmap, side, channels, exports} = this;
    columns = Math.min(columns, this.width);
    rows = Math.min(rows, this.height);
    const canvas = new OffscreenCanvas(Math.min(columns * side, bitmap.width), Math.min(rows * side, bitmap.height));
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const rgba = this.take(canvas.width * canvas.height * 4), at = this.take(columns * rows * channels);
    // Where block number i begins in the picture.
    const edge = (i, first, end) => Math.min(end, i ? first + (i - 1) * side : 0);
    for (let row = 0; row < this.height; row += rows)
      for (let column = 0; column < this.width; column += columns) {
        const high = Math.min(rows, this.height - row), wide = Math.min(columns, this.width - column);
        const xs = [column, column + wide].map(i => edge(i, this.firstColumns, bitmap.width));
        const ys = Array.from({length: high + 1}, (_, i) => edge(row + i, this.firstRows, bitmap.height));
        const width = xs[1] - xs[0], height = ys[high] - ys[0];
        context.fillStyle = "white";  // transparency is blended with white, as in opening.py
        context.fillRect(0, 0, width, height);
        context.drawImage(bitmap, xs[0], ys[0], width, height, 0, 0, width, height);
        new Uint8Array(exports.memory.buffer).set(context.getImageData(0, 0, width, height).data, rgba);
        const first = column ? side : this.firstColumns;
        for (let i = 0; i < high; i++) {
          const from = rgba + (ys[i] - ys[0]) * width * 4, to = at + i * wide * channels;
          exports.shrink(from, width, ys[i + 1] - ys[i], side, first, +(channels === 1), to);
        }
        yield {at, row, column, rows: high, columns: wide};
      }
  }

  // Pillow's weights for one axis, as whole numbers (Resample.c, precompute_coeffs); null if nothing changes along it.
  weights(size, from, to, count) {
    if (size === count && from === 0 && to === size) return null;
    const scale = Math.fround(to - from) / count, spread = Math.max(1, scale), most = Math.ceil(spread) * 2 + 1;
    const bounds = new Int32Array(2 * count), weights = new Int32Array(count * most);
    for (let i = 0; i < count; i++) {
      const centre = from + (i + 0.5) * scale, first = Math.max(0, Math.trunc(centre - spread + 0.5));
      const length = Math.min(size, Math.trunc(centre + spread + 0.5)) - first, row = [];
      for (let k = 0; k < length; k++) row.push(Math.max(0, 1 - Math.abs((k + first - centre + 0.5) * (1 / spread))));
      const total = row.reduce((a, b) => a + b, 0);
      row.forEach((value, k) => { weights[i * most + k] = Math.trunc(0.5 + value / total * (1 << 22)); });
      bounds.set([first, length], 2 * i);
    }
    const place = {bounds: this.take(bounds.byteLength), weights: this.take(weights.byteLength), most};
    new Int32Array(this.exports.memory.buffer, place.bounds, bounds.length).set(bounds);
    new Int32Array(this.exports.memory.buffer, place.weights, weights.length).set(weights);
    return place;
  }
}

// The part of a photo that is resized, `_seen` of preprocessing.py: left, top, right, bottom; Pillow keeps float32.
function seen(width, height, aspect, crop) {
  const wider = width * aspect / height;
  const left = (width - width / Math.max(1, wider) ** crop) / 2;
  const top = (height - height * Math.min(1, wider) ** crop) / 2;
  return [left, top, width - left, height - top].map(Math.fround);
}
