// The parts of reading a photo that take time: blocks of pixels, and Pillow's resizing, with the same 8-bit rounding.

#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned char byte;

enum { PRECISION = 22 };  // bits of Pillow's weights after the point: 32 - 8 - 2

// One row of blocks of `side` x `side` pixels RGBA, `rows` of them high, as one row of pixels of the mean colour; the
// first block has `first` columns, the last one those that are left. Alpha is left out. `is_gray`: one value a pixel.
EXPORT(shrink)
int shrink(const byte *rgba, int width, int rows, int side, int first, int is_gray, byte *out) {
  byte *start = out;
  for (int x = 0; x < width;) {
    int end = x ? x + side : first, red = 0, green = 0, blue = 0;
    if (end > width) end = width;
    for (int y = 0; y < rows; y++) {
      const byte *pixel = rgba + ((long)y * width + x) * 4;
      for (int i = x; i < end; i++, pixel += 4) {
        red += pixel[0];
        green += pixel[1];
        blue += pixel[2];
      }
    }
    int count = rows * (end - x), half = count / 2;
    x = end;
    if (count > 1) {
      red = (red + half) / count;
      green = (green + half) / count;
      blue = (blue + half) / count;
    }
    if (is_gray) {
      *out++ = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;  // ITU-R 601-2, as Pillow rounds it
    } else {
      *out++ = red;
      *out++ = green;
      *out++ = blue;
    }
  }
  return out - start;
}

static byte rounded(int sum) {
  sum >>= PRECISION;
  return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

// Weighted sums along one axis of an image: `count` results, each of `channels` values that stand together.
//
// Result i is the sum of `bounds[2 i + 1]` inputs from `bounds[2 i]` on, which lie `channels` values apart, with the
// weights from `weights + i * most` on.
EXPORT(resample)
void resample(const byte *in, int channels, int count, const int *bounds, const int *weights, int most, byte *out) {
  for (int i = 0; i < count; i++, weights += most) {
    const byte *from = in + (long)bounds[2 * i] * channels;
    for (int channel = 0; channel < channels; channel++) {
      int sum = 1 << (PRECISION - 1);
      for (int k = 0; k < bounds[2 * i + 1]; k++) sum += from[k * channels + channel] * weights[k];
      *out++ = rounded(sum);
    }
  }
}
