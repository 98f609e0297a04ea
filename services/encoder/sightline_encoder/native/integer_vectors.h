// What AVX2 and AVX-512 each have their own names for, with vectors as wide as those of floats.

#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>

#include "matmul.h"

namespace sightline {

// Signed numbers; as words, since what lies behind the last key may overflow.
using Integers = Words;

inline Integers integers_at(const int16_t* place) {
  return *reinterpret_cast<const Integers*>(place);
}

inline Vector floats_at(const float* place) { return *reinterpret_cast<const Vector*>(place); }

inline void put_at(float* place, Vector vector) { *reinterpret_cast<Vector*>(place) = vector; }

#ifdef __AVX512F__

inline Integers filled(int32_t number) { return Integers(_mm512_set1_epi32(number)); }
inline Vector filled(float number) { return _mm512_set1_ps(number); }

// Adds the products of two neighbouring 16-bit integers each.
inline Integers plus_products(Integers sums, Integers one, Integers other) {
  return Integers(_mm512_dpwssd_epi32(__m512i(sums), __m512i(one), __m512i(other)));
}

inline Vector floats_of(Integers integers) { return _mm512_cvtepi32_ps(__m512i(integers)); }
inline Integers nearest_of(Vector vector) { return Integers(_mm512_cvtps_epi32(vector)); }

inline Vector rounded(Vector vector) {
  return _mm512_roundscale_ps(vector, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// Where `other` is not a number neither is the result.
inline Vector larger_of(Vector one, Vector other) { return _mm512_max_ps(one, other); }

inline Vector fused(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }

// The first `left` lanes, and -inf.
inline Vector first_of(Vector vector, int64_t left) {
  const __mmask16 kept = left <= 0 ? 0 : (1u << left) - 1;
  return _mm512_mask_blend_ps(kept, filled(-INFINITY), vector);
}

// Writes both with 16 bits a number.
inline void put_halves(int16_t* place, Integers low, Integers high) {
  // Packing goes part by part.
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  const __m512i packed = _mm512_packs_epi32(__m512i(low), __m512i(high));
  _mm512_storeu_si512(place, _mm512_permutexvar_epi64(order, packed));
}

#else

inline Integers filled(int32_t number) { return Integers(_mm256_set1_epi32(number)); }
inline Vector filled(float number) { return _mm256_set1_ps(number); }

// Adds the products of two neighbouring 16-bit integers each.
inline Integers plus_products(Integers sums, Integers one, Integers other) {
  return sums + Integers(_mm256_madd_epi16(__m256i(one), __m256i(other)));
}

inline Vector floats_of(Integers integers) { return _mm256_cvtepi32_ps(__m256i(integers)); }
inline Integers nearest_of(Vector vector) { return Integers(_mm256_cvtps_epi32(vector)); }

inline Vector rounded(Vector vector) {
  return _mm256_round_ps(vector, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// Where `other` is not a number neither is the result.
inline Vector larger_of(Vector one, Vector other) { return _mm256_max_ps(one, other); }

inline Vector fused(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }

// The first `left` lanes, and -inf.
inline Vector first_of(Vector vector, int64_t left) {
  const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i is_behind =
      _mm256_cmpgt_epi32(places, _mm256_set1_epi32(static_cast<int32_t>(left) - 1));
  return _mm256_blendv_ps(vector, filled(-INFINITY), _mm256_castsi256_ps(is_behind));
}

// Writes both with 16 bits a number.
inline void put_halves(int16_t* place, Integers low, Integers high) {
  // Packing goes half by half.
  const __m256i packed = _mm256_packs_epi32(__m256i(low), __m256i(high));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(place), _mm256_permute4x64_epi64(packed, 0xd8));
}

#endif

}  // namespace sightline
