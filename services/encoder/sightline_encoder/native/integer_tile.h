// Products of 16-bit integers, and how numbers become such integers.

#pragma once

// AVX-512 multiplies twice as many integers as floats only where it has VNNI.
#if defined(__AVX512VNNI__) && defined(__AVX512BW__) || \
    defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
#define SIGHTLINE_INT16_ATTENTION

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "integer_vectors.h"
#include "matmul.h"

namespace sightline {

// Some rows times one panel, whose lines hold two inputs of kPanel columns each.
struct IntegerTile {
  static constexpr int kRows = kSums / 2;
  Integers sums[kRows][2];

  // Kept apart: inlined, its sums compete for registers with what is around.
  __attribute__((noinline)) static IntegerTile product(Matrix<const int16_t> input,
                                                       const int16_t* panel, int64_t num_pairs) {
    Integers sums[kRows][2] = {};
    for (int64_t pair = 0; pair < num_pairs; ++pair) {
      const int16_t* line = panel + pair * 2 * kPanel;
      const Integers low = integers_at(line), high = integers_at(line + kPanel);
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) {
        int32_t numbers;
        std::memcpy(&numbers, input.row(row) + 2 * pair, sizeof(numbers));
        const Integers both = filled(numbers);
        sums[row][0] = plus_products(sums[row][0], both, low);
        sums[row][1] = plus_products(sums[row][1], both, high);
      }
    }
    IntegerTile tile;
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      tile.sums[row][0] = sums[row][0];
      tile.sums[row][1] = sums[row][1];
    }
    return tile;
  }
};

// Rounds numbers to integers of at most `most` after a division; returns the divisor.
inline float round_by(const float* numbers, int64_t size, float length, float most,
                      int16_t* integers) {
  const float factor = length > 0 ? most / length : 0;
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) {
    integers[i] = static_cast<int16_t>(static_cast<int32_t>(std::rint(numbers[i] * factor)));
  }
  // What is not finite stays so.
  return factor > 0 ? length / most : length;
}

inline float length_of(const float* numbers, int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += numbers[i] * numbers[i];
  return std::sqrt(sum);
}

// What is not finite makes it NaN: a maximum alone passes over that.
inline float largest_of(const float* numbers, int64_t size) {
  float largest = 0, nothing = 0;
#pragma omp simd reduction(max : largest) reduction(+ : nothing)
  for (int64_t i = 0; i < size; ++i) {
    largest = std::max(largest, std::fabs(numbers[i]));
    nothing += numbers[i] * 0.0f;
  }
  return largest + nothing;
}

}  // namespace sightline

#endif
