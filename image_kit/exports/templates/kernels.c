// The parts of a network that take time: sums of products, and windows that slide over an image.
//
// All values are float32. An image is (height, width, channels). WebAssembly has vectors of four floats (SIMD), and
// common processors have 16 registers for them, which decides the size of the blocks below.

#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))

enum { COLUMNS = 8, ROWS = 4 };  // of a block: 8 sums, 2 weights and 4 values stay in registers
enum { TILE = 64 };              // rows that meet all weights before the next ones do; they stay in the cache

// How a window slides over an image; engine_network.js fills it in, in this order.
typedef struct {
  int height, width, channels;
  int high, wide;  // of the window
  int down, right;  // strides
  int dilation_down, dilation_right;
  int above, left;  // padding
  int out_height, out_width;
} Window;

INLINE v128_t clamp(v128_t value, float low, float high) {
  return wasm_f32x4_pmin(wasm_f32x4_pmax(value, wasm_f32x4_splat(low)), wasm_f32x4_splat(high));
}

INLINE v128_t add_product(v128_t sum, v128_t a, v128_t b) { return wasm_f32x4_add(sum, wasm_f32x4_mul(a, b)); }

// `count` rows (at most ROWS, known when compiled) times one panel; writes `columns` of COLUMNS values of each row.
INLINE void multiply_block(const float *rows, int length, int count, const float *panel, const float *bias, float *out,
                           int stride, int columns, float low, float high) {
  v128_t sums[ROWS][2];
  for (int row = 0; row < count; row++) {
    sums[row][0] = wasm_v128_load(bias);
    sums[row][1] = wasm_v128_load(bias + 4);
  }
  for (int k = 0; k < length; k++) {
    v128_t left = wasm_v128_load(panel + k * COLUMNS), right = wasm_v128_load(panel + k * COLUMNS + 4);
    for (int row = 0; row < count; row++) {
      v128_t value = wasm_v128_load32_splat(rows + row * length + k);
      sums[row][0] = add_product(sums[row][0], value, left);
      sums[row][1] = add_product(sums[row][1], value, right);
    }
  }
  for (int row = 0; row < count; row++) {
    v128_t left = clamp(sums[row][0], low, high), right = clamp(sums[row][1], low, high);
    float *target = out + row * stride;
    if (columns == COLUMNS) {
      wasm_v128_store(target, left);
      wasm_v128_store(target + 4, right);
    } else {
      float values[COLUMNS];
      wasm_v128_store(values, left);
      wasm_v128_store(values + 4, right);
      for (int column = 0; column < columns; column++) target[column] = values[column];
    }
  }
}

// Rows (count, length) times weights, plus bias, within low..high: out (count, columns). The weights are panels of
// COLUMNS columns each, (length, COLUMNS) one after another; the last one, and the bias, are filled with zeros.
EXPORT(multiply)
void multiply(const float *rows, int count, int length, const float *panels, const float *bias, float *out, int columns,
              float low, float high) {
  for (int first = 0; first < count; first += TILE) {
    int end = first + TILE < count ? first + TILE : count;
    for (int column = 0; column < columns; column += COLUMNS) {
      const float *panel = panels + (long)column * length;
      int wide = columns - column < COLUMNS ? columns - column : COLUMNS, row = first;
      for (; row + ROWS <= end; row += ROWS)
        multiply_block(rows + (long)row * length, length, ROWS, panel, bias + column,
                       out + (long)row * columns + column, columns, wide, low, high);
      for (; row < end; row++)
        multiply_block(rows + (long)row * length, length, 1, panel, bias + column,
                       out + (long)row * columns + column, columns, wide, low, high);
    }
  }
}

// Copies what the window covers at `count` places from `first` on: one row of high * wide * channels values for each.
static void gather(const float *image, const Window *w, int first, int count, float *rows) {
  for (int place = first; place < first + count; place++) {
    int top = place / w->out_width * w->down - w->above, left = place % w->out_width * w->right - w->left;
    for (int y = 0; y < w->high; y++) {
      int at_y = top + y * w->dilation_down, is_inside = at_y >= 0 && at_y < w->height;
      for (int x = 0; x < w->wide; x++, rows += w->channels) {
        int at_x = left + x * w->dilation_right;
        if (is_inside && at_x >= 0 && at_x < w->width)
          __builtin_memcpy(rows, image + ((long)at_y * w->width + at_x) * w->channels, w->channels * sizeof(float));
        else
          __builtin_memset(rows, 0, w->channels * sizeof(float));
      }
    }
  }
}

// A convolution; `rows` has room for TILE rows of `gather`.
EXPORT(convolve)
void convolve(const float *image, const Window *w, const float *panels, const float *bias, float *out, int filters,
              float low, float high, float *rows) {
  int places = w->out_height * w->out_width, length = w->high * w->wide * w->channels;
  for (int first = 0; first < places; first += TILE) {
    int count = first + TILE < places ? TILE : places - first;
    gather(image, w, first, count, rows);
    multiply(rows, count, length, panels, bias, out + (long)first * filters, filters, low, high);
  }
}

// Where the window's steps from `start` lie within 0..size: *from to the result, which it does not include.
INLINE int inside(int start, int steps, int dilation, int size, int *from) {
  int first = start < 0 ? (-start + dilation - 1) / dilation : 0;
  int end = start < size ? (size - start + dilation - 1) / dilation : 0;
  *from = first;
  return end < steps ? end : steps;
}

// `vectors` vectors of channels at one place of a depthwise convolution.
INLINE void filter_channels(const float *image, const Window *w, const float *weights, const float *bias, float *out,
                            int vectors, int top, int left, float low, float high) {
  v128_t sums[4];
  int y, x, first_y, first_x, end_y = inside(top, w->high, w->dilation_down, w->height, &first_y),
                              end_x = inside(left, w->wide, w->dilation_right, w->width, &first_x);
  for (int each = 0; each < vectors; each++) sums[each] = wasm_v128_load(bias + 4 * each);
  for (y = first_y; y < end_y; y++) {
    const float *from = image + ((long)(top + y * w->dilation_down) * w->width + left) * w->channels;
    for (x = first_x; x < end_x; x++) {
      const float *pixel = from + x * w->dilation_right * w->channels;
      const float *weight = weights + (y * w->wide + x) * w->channels;
      for (int each = 0; each < vectors; each++)
        sums[each] = add_product(sums[each], wasm_v128_load(pixel + 4 * each), wasm_v128_load(weight + 4 * each));
    }
  }
  for (int each = 0; each < vectors; each++) wasm_v128_store(out + 4 * each, clamp(sums[each], low, high));
}

// A depthwise convolution with weights (high, wide, channels). The channels are a multiple of 4.
EXPORT(convolve_depthwise)
void convolve_depthwise(const float *image, const Window *w, const float *weights, const float *bias, float *out,
                        float low, float high) {
  for (int y = 0; y < w->out_height; y++)
    for (int x = 0; x < w->out_width; x++, out += w->channels) {
      int top = y * w->down - w->above, left = x * w->right - w->left, channel = 0;
      for (; channel + 16 <= w->channels; channel += 16)
        filter_channels(image + channel, w, weights + channel, bias + channel, out + channel, 4, top, left, low, high);
      for (; channel < w->channels; channel += 4)
        filter_channels(image + channel, w, weights + channel, bias + channel, out + channel, 1, top, left, low, high);
    }
}

// The largest value, or the mean, of what the window covers; padding does not count.
EXPORT(pool)
void pool(const float *image, const Window *w, float *out, int is_mean) {
  for (int y = 0; y < w->out_height; y++)
    for (int x = 0; x < w->out_width; x++)
      for (int channel = 0; channel < w->channels; channel++) {
        int top = y * w->down - w->above, left = x * w->right - w->left, first_y, first_x;
        int end_y = inside(top, w->high, 1, w->height, &first_y), end_x = inside(left, w->wide, 1, w->width, &first_x);
        float most = -__builtin_inff(), total = 0;
        for (int at_y = first_y; at_y < end_y; at_y++)
          for (int at_x = first_x; at_x < end_x; at_x++) {
            float value = image[((long)(top + at_y) * w->width + left + at_x) * w->channels + channel];
            total += value;
            most = value > most ? value : most;
          }
        *out++ = is_mean ? total / ((end_y - first_y) * (end_x - first_x)) : most;
      }
}
