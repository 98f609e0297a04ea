// What is done to single rows between products.

#pragma once

#include <cmath>
#include <cstdint>

#include "exponential.h"

namespace sightline {

// Normalises by the root mean square.
inline void normalise(const float* row, const float* weight, int64_t size, double eps,
                      float* output) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += row[i] * row[i];
  const float factor = 1.0f / std::sqrt(sum / size + static_cast<float>(eps));
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) output[i] = row[i] * factor * weight[i];
}

// Turns neighbouring pairs of numbers by complex numbers.
inline void turn(float* head, const float* rotations, int64_t num_pairs) {
  for (int64_t pair = 0; pair < num_pairs; ++pair, head += 2, rotations += 2) {
    const float real = head[0] * rotations[0] - head[1] * rotations[1];
    head[1] = head[0] * rotations[1] + head[1] * rotations[0];
    head[0] = real;
  }
}

inline void add(const float* row, int64_t size, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) to[i] += row[i];
}

// Multiplies one half of a projection by the activated other half.
inline void gate(const float* gates, const float* ups, int64_t size, float* output) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) output[i] = silu(gates[i]) * ups[i];
}

// Turns scores into weights of a softmax that is taken in chunks (Milakov and Gimelshein, 2018);
// returns how much of what was summed before is kept.
template <typename T>
inline T weigh(int64_t count, T* weights, T& highest, T& total) {
  T peak = highest, sum = 0;
#pragma omp simd reduction(max : peak)
  for (int64_t t = 0; t < count; ++t) peak = weights[t] > peak ? weights[t] : peak;
#pragma omp simd reduction(+ : sum)
  for (int64_t t = 0; t < count; ++t) {
    weights[t] = exp_of(weights[t] - peak);
    sum += weights[t];
  }
  const T kept = total > 0 ? exp_of(highest - peak) : T(0);
  total = total * kept + sum;
  highest = peak;
  return kept;
}

}  // namespace sightline
