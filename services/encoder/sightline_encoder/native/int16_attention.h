// Attention of all patches of a window to each other, in 16-bit integers.
//
// Queries, keys and values are rounded to integers with a scale of their own each, weights with one
// for every chunk; sums are exact, in 32 bits, and the softmax is taken in float32. Processors
// multiply twice as many 16-bit integers as floats. SageAttention (Zhang et al., 2024) does so with
// 8 bits.
//
// A query or key keeps 15 bits of its length, so a score errs by some 1e-5 of the product of both
// lengths. Weights of a chunk keep 17 bits of their sum, values 13 of the largest.

#pragma once

#include "integer_tile.h"

#ifdef SIGHTLINE_INT16_ATTENTION

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "matmul.h"
#include "window_attention.h"

namespace sightline {

// One head of a window; takes the place of FloatHead, in the same room.
class Int16Head {
 public:
  static constexpr int64_t kTile = IntegerTile::kRows, kQueries = 8 * kTile;

  Int16Head(float* keys, float* values, int64_t length, int64_t size)
      : keys_(reinterpret_cast<int16_t*>(keys)),
        values_(reinterpret_cast<int16_t*>(values)),
        key_scales_(keys + padded(length) * size / 2),
        value_scales_(values + padded(length) * size / 2),
        length_(length),
        size_(size) {}

  void put_key(int64_t place, const float* key) const {
    int16_t integers[kMostHeadSize];
    key_scales_[place] = round_by(key, size_, length_of(key, size_), kMostLength, integers);
    int16_t* column = keys_ + place / kPanel * kPanel * size_ + place % kPanel * 2;
    for (int64_t i = 0; i < size_; i += 2) std::copy_n(integers + i, 2, column + i * kPanel);
  }

  void put_value(int64_t place, const float* value) const {
    int16_t integers[kMostHeadSize];
    value_scales_[place] = round_by(value, size_, largest_of(value, size_), kMostValue, integers);
    const int64_t start = place / kChunk * kChunk, in_chunk = place - start;
    const int64_t count = even(chunk_at(start));
    int16_t* line = values_ + start * size_ + in_chunk / 2 * 2 * kPanel + in_chunk % 2;
    for (int64_t i = 0; i < size_; i += kPanel, line += count * kPanel) {
      for (int64_t k = 0; k < kPanel; ++k) line[2 * k] = integers[i + k];
    }
  }

  // Behind the last key nothing weighs anything.
  void clear_padding() const {
    for (int64_t place = length_; place < padded(length_); ++place) {
      key_scales_[place] = value_scales_[place] = 0;
    }
  }

  // Attends `num` queries, at most kQueries, that were scaled before.
  void attend(Matrix<const float> queries, int64_t num, Matrix<float> output) const {
    int16_t integers[kQueries * kMostHeadSize];
    float scales[kQueries] = {}, highest[kQueries], total[kQueries] = {};
    std::fill_n(integers, kQueries * size_, int16_t(0));
    std::fill_n(highest, kQueries, -INFINITY);
    for (int64_t query = 0; query < num; ++query) {
      const float* row = queries.row(query);
      scales[query] = kLog2E * round_by(row, size_, length_of(row, size_), kMostLength,
                                        integers + query * size_);
    }
    for (int64_t start = 0; start < length_; start += kChunk) {
      for (int64_t first = 0; first < num; first += kTile) {
        const QueryRows rows{start, std::min(kTile, num - first), integers + first * size_,
                        scales + first, highest + first, total + first,
                        {output.row(first), output.stride}};
        attend_rows(rows);
      }
    }
    for (int64_t query = 0; query < num; ++query) divide(output.row(query), size_, total[query]);
  }

 private:
  static constexpr float kMostLength = 32766, kMostValue = 8191, kMostSum = 200000;
  static constexpr float kMostWeight = 32767, kLog2E = 1.44269504f;

  // Some queries and one chunk of keys.
  struct QueryRows {
    int64_t start, num;
    const int16_t* queries;
    const float* scales;
    float *highest, *total;
    Matrix<float> output;
  };

  int64_t chunk_at(int64_t start) const { return std::min(kChunk, length_ - start); }
  static int64_t even(int64_t count) { return (count + 1) / 2 * 2; }

  void attend_rows(const QueryRows& rows) const {
    float scores[kTile * kChunk], peaks[kTile], factors[kTile], kept[kTile];
    int16_t weights[kTile * kChunk];
    const int64_t count = chunk_at(rows.start);
    score(rows, count, scores, peaks);
    for (int64_t query = 0; query < rows.num; ++query) {
      const float peak = std::max(peaks[query], rows.highest[query]);
      const int64_t place = query * kChunk;
      const ChunkSums sums = weigh(rows.start, count, peak, scores + place);
      const float length = std::max(sums.scaled * (kMostWeight / kMostSum), sums.largest);
      factors[query] = round_weights(count, scores + place, length, weights + place);
      const float before = rows.total[query];
      kept[query] = before > 0 ? std::exp2(rows.highest[query] - peak) : 0;
      rows.total[query] = before * kept[query] + sums.total;
      rows.highest[query] = peak;
    }
    add_values(rows, count, weights, factors, kept);
  }

  // Scores are powers of two, those behind the last key -inf.
  void score(const QueryRows& rows, int64_t count, float* scores, float* peaks) const {
    Vector highest[kTile];
    std::fill_n(highest, kTile, filled(-INFINITY));
    for (int64_t key = 0; key < count; key += kPanel) {
      const int64_t place = rows.start + key;
      const IntegerTile tile =
          IntegerTile::product({rows.queries, size_}, keys_ + place * size_, size_ / 2);
      const Vector low = floats_at(key_scales_ + place);
      const Vector high = floats_at(key_scales_ + place + kLanes);
      for (int64_t query = 0; query < kTile; ++query) {
        const Vector scale = filled(rows.scales[query]);
        const Integers* sums = tile.sums[query];
        const Vector first = visible(floats_of(sums[0]) * (low * scale), count - key);
        const Vector second = visible(floats_of(sums[1]) * (high * scale), count - key - kLanes);
        float* row = scores + query * kChunk + key;
        put_at(row, first);
        put_at(row + kLanes, second);
        highest[query] = larger_of(highest[query], larger_of(first, second));
      }
    }
    for (int64_t query = 0; query < kTile; ++query) {
      peaks[query] = over_lanes(highest[query], [](float a, float b) { return std::max(a, b); });
    }
  }

  static Vector visible(Vector scores, int64_t left) {
    return left >= kLanes ? scores : first_of(scores, left);
  }

  template <typename Fold>
  static float over_lanes(Vector vector, const Fold& fold) {
    float lanes[kLanes];
    put_at(lanes, vector);
    return std::accumulate(lanes + 1, lanes + kLanes, lanes[0], fold);
  }

  // A chunk's weights, and what they are times the scales of their values.
  struct ChunkSums {
    float total, scaled, largest;
  };

  // Turns scores into weights times the scales of their values.
  ChunkSums weigh(int64_t start, int64_t count, float peak, float* scores) const {
    const float* value_scales = value_scales_ + start;
    Vector total = {}, sum = {}, largest = {};
    for (int64_t t = 0; t < count; t += kLanes) {
      const Vector weight = exp2(floats_at(scores + t) - peak);
      const Vector scaled = weight * floats_at(value_scales + t);
      put_at(scores + t, scaled);
      total += weight;
      sum += scaled;
      largest = larger_of(largest, scaled);
    }
    const auto add = [](float a, float b) { return a + b; };
    return {over_lanes(total, add), over_lanes(sum, add),
            over_lanes(largest, [](float a, float b) { return std::max(a, b); })};
  }

  // 2^n * 2^f with a polynomial for 2^f; relative error below 3e-6 for x <= 0. NaN stays NaN.
  static Vector exp2(Vector x) {
    x = larger_of(filled(-126.0f), x);
    const Vector f = x - rounded(x);
    Vector p = filled(9.570101276e-3f);
    p = fused(p, f, filled(5.591785908e-2f));
    p = fused(p, f, filled(2.402474433e-1f));
    p = fused(p, f, filled(6.931217909e-1f));
    p = fused(p, f, filled(9.999992847e-1f));
    return reinterpret_cast<Vector>(reinterpret_cast<Integers>(p) + (nearest_of(x) << 23));
  }

  // Rounds to integers of at most kMostWeight after a division; returns the divisor.
  static float round_weights(int64_t count, const float* numbers, float length,
                             int16_t* integers) {
    const float factor = length > 0 ? kMostWeight / length : 0;
    for (int64_t t = 0; t < count; t += kPanel) {
      put_halves(integers + t, nearest_of(floats_at(numbers + t) * factor),
                 nearest_of(floats_at(numbers + t + kLanes) * factor));
    }
    return length > 0 ? length / kMostWeight : length;
  }

  void add_values(const QueryRows& rows, int64_t count, const int16_t* weights, const float* factors,
                  const float* kept) const {
    const int64_t num_pairs = even(count) / 2;
    const int16_t* panel = values_ + rows.start * size_;
    for (int64_t column = 0; column < size_; column += kPanel, panel += 2 * num_pairs * kPanel) {
      const IntegerTile tile = IntegerTile::product({weights, kChunk}, panel, num_pairs);
      for (int64_t query = 0; query < rows.num; ++query) {
        float* row = rows.output.row(query) + column;
        const Integers* sums = tile.sums[query];
        add_scaled(row, rows.start ? kept[query] : 0, sums[0], factors[query]);
        add_scaled(row + kLanes, rows.start ? kept[query] : 0, sums[1], factors[query]);
      }
    }
  }

  static void add_scaled(float* row, float kept, Integers sums, float factor) {
    const Vector before = kept > 0 ? floats_at(row) : Vector{};
    put_at(row, fused(before, filled(kept), floats_of(sums) * factor));
  }

  int16_t *keys_, *values_;
  float *key_scales_, *value_scales_;
  int64_t length_, size_;
};

}  // namespace sightline

#endif
