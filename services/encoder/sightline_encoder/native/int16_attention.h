// Attention of all patches of a window to each other, in 16-bit integers.
//
// Queries, keys and values are rounded to integers with a scale of their own each, weights with one
// for every chunk; sums are exact, in 32 bits, and the softmax is taken in float32. AVX2 multiplies
// twice as many 16-bit integers as floats. SageAttention (Zhang et al., 2024) does so with 8 bits.
//
// A query or key keeps 15 bits of its length, so a score errs by some 1e-5 of the product of both
// lengths. Weights of a chunk keep 17 bits of their sum, values 13 of the largest.

#pragma once

#include "integer_tile.h"

#ifdef SIGHTLINE_INT16_ATTENTION

#include <immintrin.h>

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
    __m256 highest[kTile];
    std::fill_n(highest, kTile, _mm256_set1_ps(-INFINITY));
    for (int64_t key = 0; key < count; key += kPanel) {
      const int64_t place = rows.start + key;
      const IntegerTile sums =
          IntegerTile::product({rows.queries, size_}, keys_ + place * size_, size_ / 2);
      const __m256 low = _mm256_loadu_ps(key_scales_ + place);
      const __m256 high = _mm256_loadu_ps(key_scales_ + place + kLanes);
      for (int64_t query = 0; query < kTile; ++query) {
        const __m256 scale = _mm256_set1_ps(rows.scales[query]);
        const __m256 first = visible(
            scaled(sums.rows[query].low, _mm256_mul_ps(low, scale)), count - key);
        const __m256 second = visible(
            scaled(sums.rows[query].high, _mm256_mul_ps(high, scale)), count - key - kLanes);
        float* row = scores + query * kChunk + key;
        _mm256_storeu_ps(row, first);
        _mm256_storeu_ps(row + kLanes, second);
        highest[query] = _mm256_max_ps(highest[query], _mm256_max_ps(first, second));
      }
    }
    for (int64_t query = 0; query < kTile; ++query) {
      peaks[query] = over_lanes(highest[query], [](float a, float b) { return std::max(a, b); });
    }
  }

  static __m256 scaled(__m256i sums, __m256 scale) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
  }

  static __m256 visible(__m256 scores, int64_t left) {
    if (left >= kLanes) return scores;
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i is_behind =
        _mm256_cmpgt_epi32(places, _mm256_set1_epi32(static_cast<int32_t>(left) - 1));
    return _mm256_blendv_ps(scores, _mm256_set1_ps(-INFINITY), _mm256_castsi256_ps(is_behind));
  }

  template <typename Fold>
  static float over_lanes(__m256 vector, const Fold& fold) {
    float lanes[kLanes];
    _mm256_storeu_ps(lanes, vector);
    return std::accumulate(lanes + 1, lanes + kLanes, lanes[0], fold);
  }

  // A chunk's weights, and what they are times the scales of their values.
  struct ChunkSums {
    float total, scaled, largest;
  };

  // Turns scores into weights times the scales of their values.
  ChunkSums weigh(int64_t start, int64_t count, float peak, float* scores) const {
    const float* value_scales = value_scales_ + start;
    __m256 total = _mm256_setzero_ps(), sum = total, largest = total;
    for (int64_t t = 0; t < count; t += kLanes) {
      const __m256 weight = exp2(_mm256_sub_ps(_mm256_loadu_ps(scores + t), _mm256_set1_ps(peak)));
      const __m256 scaled = _mm256_mul_ps(weight, _mm256_loadu_ps(value_scales + t));
      _mm256_storeu_ps(scores + t, scaled);
      total = _mm256_add_ps(total, weight);
      sum = _mm256_add_ps(sum, scaled);
      largest = _mm256_max_ps(largest, scaled);
    }
    const auto add = [](float a, float b) { return a + b; };
    return {over_lanes(total, add), over_lanes(sum, add),
            over_lanes(largest, [](float a, float b) { return std::max(a, b); })};
  }

  // 2^n * 2^f with a polynomial for 2^f; relative error below 3e-6 for x <= 0. NaN stays NaN.
  static __m256 exp2(__m256 x) {
    x = _mm256_max_ps(_mm256_set1_ps(-126), x);
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    const __m256 f = _mm256_sub_ps(x, _mm256_round_ps(x, kNearest));
    __m256 p = _mm256_set1_ps(9.570101276e-3f);
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(5.591785908e-2f));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(2.402474433e-1f));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(6.931217909e-1f));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(9.999992847e-1f));
    const __m256i n = _mm256_slli_epi32(_mm256_cvtps_epi32(x), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
  }

  // Rounds to integers of at most kMostWeight after a division; returns the divisor.
  static float round_weights(int64_t count, const float* numbers, float length,
                             int16_t* integers) {
    const __m256 factor = _mm256_set1_ps(length > 0 ? kMostWeight / length : 0);
    for (int64_t t = 0; t < count; t += kPanel) {
      const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(numbers + t), factor));
      const __m256i high =
          _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(numbers + t + kLanes), factor));
      // Packing goes half by half.
      const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(integers + t), packed);
    }
    return length > 0 ? length / kMostWeight : length;
  }

  void add_values(const QueryRows& rows, int64_t count, const int16_t* weights, const float* factors,
                  const float* kept) const {
    const int64_t num_pairs = even(count) / 2;
    const int16_t* panel = values_ + rows.start * size_;
    for (int64_t column = 0; column < size_; column += kPanel, panel += 2 * num_pairs * kPanel) {
      const IntegerTile sums = IntegerTile::product({weights, kChunk}, panel, num_pairs);
      for (int64_t query = 0; query < rows.num; ++query) {
        float* row = rows.output.row(query) + column;
        const auto& sum = sums.rows[query];
        add_scaled(row, rows.start ? kept[query] : 0, sum.low, factors[query]);
        add_scaled(row + kLanes, rows.start ? kept[query] : 0, sum.high, factors[query]);
      }
    }
  }

  static void add_scaled(float* row, float kept, __m256i sums, float factor) {
    const __m256 added = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(factor));
    const __m256 before = kept > 0 ? _mm256_loadu_ps(row) : _mm256_setzero_ps();
    _mm256_storeu_ps(row, _mm256_fmadd_ps(before, _mm256_set1_ps(kept), added));
  }

  int16_t *keys_, *values_;
  float *key_scales_, *value_scales_;
  int64_t length_, size_;
};

}  // namespace sightline

#endif
