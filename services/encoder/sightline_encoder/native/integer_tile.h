// Products of 16-bit integers, and how numbers become such integers.

#pragma once

#if defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
#define SIGHTLINE_INT16_ATTENTION

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "matmul.h"

namespace sightline {

// Six rows times one panel, whose lines hold two inputs of kPanel columns each.
struct IntegerTile {
  static constexpr int64_t kRows = 6;
  struct Sums {
    __m256i low = _mm256_setzero_si256(), high = low;
  };
  Sums rows[kRows];

  // Kept apart: inlined, its sums compete for registers with what is around.
  __attribute__((noinline)) static IntegerTile product(Matrix<const int16_t> input,
                                                       const int16_t* panel, int64_t num_pairs) {
    // Named one by one, since compilers keep an array of sums in memory.
    Sums a, b, c, d, e, f;
#pragma GCC unroll 2
    for (int64_t pair = 0; pair < num_pairs; ++pair) {
      const __m256i* line = reinterpret_cast<const __m256i*>(panel + pair * 2 * kPanel);
      const __m256i low = _mm256_loadu_si256(line), high = _mm256_loadu_si256(line + 1);
      const int16_t* place = input.data + 2 * pair;
      add(a, place, low, high);
      add(b, place + input.stride, low, high);
      add(c, place + 2 * input.stride, low, high);
      add(d, place + 3 * input.stride, low, high);
      add(e, place + 4 * input.stride, low, high);
      add(f, place + 5 * input.stride, low, high);
    }
    return {{a, b, c, d, e, f}};
  }

 private:
  static void add(Sums& sums, const int16_t* place, __m256i low, __m256i high) {
    int32_t pair;
    std::memcpy(&pair, place, sizeof(pair));
    const __m256i both = _mm256_set1_epi32(pair);
    sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(both, low));
    sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(both, high));
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
