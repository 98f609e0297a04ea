// Vectors as wide as the processor's.

#pragma once

#include <type_traits>

namespace sightline {

#ifdef __AVX512F__
constexpr int kVectorBytes = 64;
#else
constexpr int kVectorBytes = 32;
#endif

template <typename T>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr int kCount = kVectorBytes / sizeof(float);
  typedef float Vector __attribute__((vector_size(kVectorBytes), aligned(4)));
};

template <>
struct Lanes<double> {
  static constexpr int kCount = kVectorBytes / sizeof(double);
  typedef double Vector __attribute__((vector_size(kVectorBytes), aligned(8)));
};

template <typename T>
inline typename Lanes<T>::Vector load(const T* place) {
  return *reinterpret_cast<const typename Lanes<T>::Vector*>(place);
}

template <typename T>
inline void put(T* place, typename Lanes<T>::Vector vector) {
  *reinterpret_cast<typename Lanes<T>::Vector*>(place) = vector;
}

// Returns some lanes of two vectors, counted through both. Compilers make a shuffle of it; GCC
// has a name for that only from version 12 on.
template <int... kPlaces, typename V>
inline auto lanes_of(V a, V b) {
  using T = std::remove_cvref_t<decltype(a[0])>;
  constexpr int kCount = sizeof(V) / sizeof(T);
  typedef T Result __attribute__((vector_size(sizeof...(kPlaces) * sizeof(T))));
  return Result{(kPlaces < kCount ? a[kPlaces % kCount] : b[kPlaces % kCount])...};
}

// Adds the halves of a vector until four lanes are left.
template <typename V>
inline auto four_of(V vector) {
  constexpr int kCount = sizeof(V) / sizeof(vector[0]);
  if constexpr (kCount == 4) {
    return vector;
  } else if constexpr (kCount == 8) {
    return lanes_of<0, 1, 2, 3>(vector, vector) + lanes_of<4, 5, 6, 7>(vector, vector);
  } else {
    return four_of(lanes_of<0, 1, 2, 3, 4, 5, 6, 7>(vector, vector) +
                   lanes_of<8, 9, 10, 11, 12, 13, 14, 15>(vector, vector));
  }
}

// Adds the lanes of every vector to its total, in one order whether one or four are given.
template <typename T>
inline void add_across(const typename Lanes<T>::Vector (&vectors)[1], T (&totals)[1]) {
  const auto four = four_of(vectors[0]);
  totals[0] += (four[0] + four[2]) + (four[1] + four[3]);
}

template <typename T>
inline void add_across(const typename Lanes<T>::Vector (&vectors)[4], T (&totals)[4]) {
  const auto a = four_of(vectors[0]), b = four_of(vectors[1]);
  const auto c = four_of(vectors[2]), d = four_of(vectors[3]);
  const auto ab = lanes_of<0, 4, 1, 5>(a, b) + lanes_of<2, 6, 3, 7>(a, b);
  const auto cd = lanes_of<0, 4, 1, 5>(c, d) + lanes_of<2, 6, 3, 7>(c, d);
  const auto sums = lanes_of<0, 1, 4, 5>(ab, cd) + lanes_of<2, 3, 6, 7>(ab, cd);
  for (int i = 0; i < 4; ++i) totals[i] += sums[i];
}

}  // namespace sightline
