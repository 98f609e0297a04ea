// Attention of all patches of a window to each other.
//
// Keys and values are packed into panels, so that scores and sums of values are products like
// those with weights. The softmax is taken in chunks of keys with a running maximum. A query's
// sums are taken in an order that its window alone decides.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "matmul.h"
#include "rows.h"

namespace sightline {

// A chunk of keys is some whole panels. While it lies in the processor's caches it serves kQueries
// queries; those of one tile are multiplied at once, and their scores stay in the innermost cache.
constexpr int64_t kChunk = 256, kMostHeadSize = 256;

inline int64_t padded(int64_t count) { return (count + kPanel - 1) / kPanel * kPanel; }

inline void divide(float* row, int64_t size, float total) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) row[i] /= total;
}

// One head of a window: `keys` are the panels of a weight [length, size], `values` those of a
// weight [size, keys of the chunk] for every chunk. Both take padded(length) * size floats.
struct FloatHead {
  static constexpr int64_t kTile = kSums / 2, kQueries = 8 * kTile;

  float *keys, *values;
  int64_t length, size;

  void put_key(int64_t place, const float* key) const {
    float* column = keys + place / kPanel * kPanel * size + place % kPanel;
    for (int64_t i = 0; i < size; ++i) column[i * kPanel] = key[i];
  }

  void put_value(int64_t place, const float* value) const {
    const int64_t start = place / kChunk * kChunk, count = chunk_at(start);
    float* line = values + start * size + (place - start) * kPanel;
    for (int64_t i = 0; i < size; i += kPanel, line += count * kPanel) {
      std::copy_n(value + i, kPanel, line);
    }
  }

  // Behind the last key: what is multiplied there is thrown away, but must not be slow.
  void clear_padding() const {
    for (int64_t place = length; place < padded(length); ++place) {
      float* column = keys + place / kPanel * kPanel * size + place % kPanel;
      for (int64_t i = 0; i < size; ++i) column[i * kPanel] = 0;
    }
  }

  // Attends `num` queries, at most kQueries, that were scaled before.
  void attend(Matrix<const float> queries, int64_t num, Matrix<float> output) const {
    float highest[kQueries], total[kQueries] = {};
    std::fill_n(highest, num, -INFINITY);
    for (int64_t start = 0; start < length; start += kChunk) {
      for (int64_t first = 0; first < num; first += kTile) {
        attend_tile(start, std::min(kTile, num - first), {queries.row(first), queries.stride},
                    highest + first, total + first, {output.row(first), output.stride});
      }
    }
    for (int64_t query = 0; query < num; ++query) divide(output.row(query), size, total[query]);
  }

 private:
  int64_t chunk_at(int64_t start) const { return std::min(kChunk, length - start); }

  Weight key_weight(int64_t start, int64_t count) const {
    return {keys + start * size, nullptr, size, count, false};
  }

  Weight value_weight(int64_t start, int64_t count) const {
    return {values + start * size, nullptr, count, size, false};
  }

  static void multiply(const Weight& weight, int64_t num, Matrix<const float> input,
                       Matrix<float> output) {
    multiply_all(Team::Shared{nullptr}, weight, num, input, output);
  }

  void attend_tile(int64_t start, int64_t num, Matrix<const float> queries, float* highest,
                   float* total, Matrix<float> output) const {
    float scores[kTile * kChunk], kept[kTile];
    const int64_t count = chunk_at(start);
    multiply(key_weight(start, count), num, queries, {scores, kChunk});
    for (int64_t query = 0; query < num; ++query) {
      kept[query] = weigh(count, scores + query * kChunk, highest[query], total[query]);
    }
    add_values(start, count, num, scores, kept, output);
  }

  void add_values(int64_t start, int64_t count, int64_t num, const float* weights,
                  const float* kept, Matrix<float> output) const {
    const Weight values = value_weight(start, count);
    if (start == 0) return multiply(values, num, {weights, kChunk}, output);
    float sums[kTile * kMostHeadSize];
    multiply(values, num, {weights, kChunk}, {sums, size});
    for (int64_t query = 0; query < num; ++query) {
      float* row = output.row(query);
      const float *more = sums + query * size, factor = kept[query];
#pragma omp simd
      for (int64_t i = 0; i < size; ++i) row[i] = row[i] * factor + more[i];
    }
  }
};

}  // namespace sightline
