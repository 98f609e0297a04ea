// exp for arguments that are not positive, in a form that compilers vectorise.

#pragma once

#include <cmath>
#include <cstdint>

namespace sightline {

inline double exp_of(double x) { return std::exp(x); }

// 2^n * 2^f with a polynomial for 2^f (Cephes' expf); relative error below 2e-7 for x <= 0.
inline float exp_of(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float n = std::rint(x * 1.44269504f);
  const float r = std::fma(n, 2.12194440e-4f, std::fma(n, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = std::fma(p, r, 1.3981999507e-3f);
  p = std::fma(p, r, 8.3334519073e-3f);
  p = std::fma(p, r, 4.1665795894e-2f);
  p = std::fma(p, r, 1.6666665459e-1f);
  p = std::fma(p, r, 5.0000001201e-1f);
  p = std::fma(p, r * r, r) + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  return p * power;
}

// x times its sigmoid.
inline float silu(float x) {
  const float small = exp_of(-std::fabs(x));
  return x * (x < 0 ? small : 1.0f) / (1.0f + small);
}

}  // namespace sightline
