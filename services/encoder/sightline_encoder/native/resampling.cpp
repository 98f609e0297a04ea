// Pictures of 8 bits in another size, byte for byte as Pillow makes them.
//
// A sample is a sum of samples weighted by integers with 22 bits behind the point, rounded to 8 bits
// after each of two passes: along the rows, and along the columns. Sums of integers do not depend on
// their order, so vectors add as they like. What lies between the passes stays in the cache: a few
// rows at a time. Nothing is allocated here.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "vectors.h"

namespace sightline {
namespace {

constexpr int kPrecision = 22;
constexpr uint32_t kHalf = 1u << (kPrecision - 1);
constexpr int kSamples = 3, kPixelBytes = 4;  // the fourth byte is padding
constexpr int kLanes = kVectorBytes / sizeof(uint32_t);
constexpr int kPixels = kLanes / kPixelBytes;  // whose sums fill a vector
constexpr int kRowsAtOnce = 4;

// Unsigned, so that nothing is undefined however large a sum becomes.
typedef uint32_t Sums __attribute__((vector_size(kVectorBytes), aligned(4)));
typedef int32_t SignedSums __attribute__((vector_size(kVectorBytes), aligned(4)));
typedef uint16_t Halves __attribute__((vector_size(kVectorBytes / 2)));
typedef uint8_t Samples __attribute__((vector_size(kLanes)));

// Output `i` is a sum over `num_taps` inputs from `starts[i]` on, all of which exist.
struct Axis {
  const int32_t* starts;
  const uint32_t* weights;  // [num_outputs, num_taps]
  int64_t num_taps;
  int64_t num_outputs;
};

// A picture whose rows come in bands. Rows between the passes have `stride` bytes, kPadding of
// them behind their pixels.
struct Resampling {
  Axis columns;  // each weight four times; no taps: the width stays as it is
  Axis rows;
  int64_t width;
  int64_t rows_first;    // whether the pass over columns comes last
  int64_t stride;
  uint8_t* ring;         // `num_ring_rows`: the taps of `rows` and kRowsAtOnce more
  int64_t num_ring_rows;
  uint8_t* batch;        // twice kRowsAtOnce rows
  const uint8_t** taps;  // as many as `rows` has
  uint8_t* output;       // [rows.num_outputs, columns.num_outputs, kSamples]
  int64_t num_received;
  int64_t next_input;
  int64_t next_output;
};

inline Sums widened(const uint8_t* place) {
#if defined(__AVX512F__)
  const __m128i samples = _mm_loadu_si128(reinterpret_cast<const __m128i*>(place));
  return reinterpret_cast<Sums>(_mm512_cvtepu8_epi32(samples));
#elif defined(__AVX2__)
  const __m128i samples = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(place));
  return reinterpret_cast<Sums>(_mm256_cvtepu8_epi32(samples));
#else
  Samples samples;
  std::memcpy(&samples, place, sizeof(samples));
  return __builtin_convertvector(__builtin_convertvector(samples, Halves), Sums);
#endif
}

inline Samples rounded(Sums sums) {
  SignedSums samples = reinterpret_cast<SignedSums>(sums) >> kPrecision;
  samples = samples < 0 ? 0 : samples;
  samples = samples > 255 ? 255 : samples;
#if defined(__AVX512F__)
  return reinterpret_cast<Samples>(_mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(samples)));
#else
  return __builtin_convertvector(__builtin_convertvector(samples, Halves), Samples);
#endif
}

constexpr int kVectors = 4;
constexpr int64_t kChunk = kVectors * kLanes, kPadding = kChunk;

inline void put_rounded(const Sums (&sums)[kVectors], uint8_t* to) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  __m256i samples[kVectors];
  for (int i = 0; i < kVectors; ++i) {
    samples[i] = _mm256_srai_epi32(reinterpret_cast<__m256i>(sums[i]), kPrecision);
  }
  // Each packing saturates, and takes halves of both vectors in turn.
  const __m256i mixed = _mm256_packus_epi16(_mm256_packs_epi32(samples[0], samples[1]),
                                            _mm256_packs_epi32(samples[2], samples[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm256_permutevar8x32_epi32(mixed, order));
#else
  for (int i = 0; i < kVectors; ++i) {
    const Samples samples = rounded(sums[i]);
    std::memcpy(to + i * kLanes, &samples, kLanes);
  }
#endif
}

// Adds every odd pixel of two vectors to the even one before it.
template <int... kPlaces>
inline Sums paired(Sums a, Sums b, std::integer_sequence<int, kPlaces...>) {
  return lanes_of<(kPlaces / 4 * 8 + kPlaces % 4)...>(a, b) +
         lanes_of<(kPlaces / 4 * 8 + kPlaces % 4 + 4)...>(a, b);
}

inline Sums paired(Sums a, Sums b) {
  return paired(a, b, std::make_integer_sequence<int, kLanes>());
}

// Returns a pixel of each row, of which every vector holds parts.
inline Sums joined(const Sums (&parts)[2]) { return paired(parts[0], parts[1]); }

inline Sums joined(const Sums (&parts)[4]) {
  return paired(paired(parts[0], parts[1]), paired(parts[2], parts[3]));
}

// Makes pixels of three bytes; writes one more behind the last.
void resample_columns(const Axis& axis, const uint8_t* const (&from)[kRowsAtOnce],
                      uint8_t* const (&to)[kRowsAtOnce]) {
  const uint32_t* weights = axis.weights;
  for (int64_t column = 0; column < axis.num_outputs; ++column) {
    const int64_t start = int64_t{axis.starts[column]} * kPixelBytes;
    Sums sums[kRowsAtOnce / kPixels][kPixels] = {};
    for (int64_t tap = 0; tap < axis.num_taps; tap += kPixels, weights += kLanes) {
      const Sums weight = *reinterpret_cast<const Sums*>(weights);
      for (int row = 0; row < kRowsAtOnce; ++row) {
        sums[row / kPixels][row % kPixels] +=
            widened(from[row] + start + tap * kPixelBytes) * weight;
      }
    }
    for (int row = 0; row < kRowsAtOnce; row += kPixels) {
      const Samples samples = rounded(joined(sums[row / kPixels]) + kHalf);
      uint8_t bytes[sizeof(samples)];
      std::memcpy(bytes, &samples, sizeof(samples));
      for (int i = 0; i < kPixels; ++i) {
        std::memcpy(to[row + i] + column * kSamples, bytes + i * kPixelBytes, kPixelBytes);
      }
    }
  }
}

// The same for columns that stay as they are.
void pack_columns(int64_t width, const uint8_t* from, uint8_t* to) {
  for (int64_t column = 0; column < width; ++column) {
    std::memcpy(to + column * kSamples, from + column * kPixelBytes, kPixelBytes);
  }
}

struct WeightedRows {
  const uint8_t* const* rows;
  const uint32_t* weights;
  int64_t count;
};

inline void resample_chunk(const WeightedRows& from, int64_t place, uint8_t* to) {
  Sums sums[kVectors];
  for (Sums& sum : sums) sum = Sums{} + kHalf;
  for (int64_t tap = 0; tap < from.count; ++tap) {
    const uint8_t* row = from.rows[tap] + place;
    for (int i = 0; i < kVectors; ++i) sums[i] += widened(row + i * kLanes) * from.weights[tap];
  }
  put_rounded(sums, to);
}

void resample_row(const WeightedRows& from, int64_t num_bytes, uint8_t* to) {
  int64_t place = 0;
  for (; place + kChunk <= num_bytes; place += kChunk) resample_chunk(from, place, to + place);
  if (place == num_bytes) return;
  uint8_t last[kChunk];
  resample_chunk(from, place, last);
  std::memcpy(to + place, last, num_bytes - place);
}

// The rows of one band, and what they make possible.
class Band {
 public:
  Band(Resampling& picture, const uint8_t* pixels, int64_t num_rows)
      : picture_(picture), pixels_(pixels), first_(picture.num_received), end_(first_ + num_rows) {
    picture.num_received = end_;
  }

  void run() {
    const Axis& axis = picture_.rows;
    for (int64_t& row = picture_.next_output; row < axis.num_outputs; ++row) {
      if (!fill(axis.starts[row], axis.starts[row] + axis.num_taps)) return;
      picture_.rows_first ? make_batch(row) : resample_rows(row, output_bytes(), output(row));
    }
  }

 private:
  int64_t output_bytes() const { return picture_.columns.num_outputs * kSamples; }
  uint8_t* output(int64_t row) const { return picture_.output + row * output_bytes(); }
  uint8_t* batch(int64_t row) const { return picture_.batch + row * picture_.stride; }
  uint8_t* ring(int64_t row) const {
    return picture_.ring + row % picture_.num_ring_rows * picture_.stride;
  }
  const uint8_t* input(int64_t row) const {
    return pixels_ + (row - first_) * picture_.width * kPixelBytes;
  }

  // Brings some rows into the ring, as far as they are not there; false if some have not come yet.
  bool fill(int64_t start, int64_t end) {
    int64_t& next = picture_.next_input;
    for (next = std::max(next, start); next < std::min(end, end_);) {
      const int64_t count = std::min<int64_t>(kRowsAtOnce, end_ - next);
      picture_.rows_first ? take_rows(next, count) : take_columns(next, count);
      next += count;
    }
    return end <= end_;
  }

  void take_rows(int64_t row, int64_t count) const {
    for (int64_t i = row; i < row + count; ++i) {
      std::memcpy(ring(i), input(i), picture_.width * kPixelBytes);
    }
  }

  void take_columns(int64_t row, int64_t count) const {
    const uint8_t* from[kRowsAtOnce];
    uint8_t* to[kRowsAtOnce];
    for (int64_t i = 0; i < kRowsAtOnce; ++i) {
      from[i] = input(row + std::min(i, count - 1));
      to[i] = ring(row + i);
    }
    if (picture_.columns.num_taps) return resample_columns(picture_.columns, from, to);
    for (int64_t i = 0; i < count; ++i) pack_columns(picture_.width, from[i], to[i]);
  }

  void resample_rows(int64_t row, int64_t num_bytes, uint8_t* to) const {
    const Axis& axis = picture_.rows;
    for (int64_t tap = 0; tap < axis.num_taps; ++tap) {
      picture_.taps[tap] = ring(axis.starts[row] + tap);
    }
    const uint32_t* weights = axis.weights + row * axis.num_taps;
    resample_row({picture_.taps, weights, axis.num_taps}, num_bytes, to);
  }

  void make_batch(int64_t row) const {
    const int64_t place = row % kRowsAtOnce;
    resample_rows(row, picture_.width * kPixelBytes, batch(place));
    if (place == kRowsAtOnce - 1 || row == picture_.rows.num_outputs - 1) end_batch(row, place + 1);
  }

  void end_batch(int64_t last_row, int64_t count) const {
    const uint8_t* from[kRowsAtOnce];
    uint8_t* to[kRowsAtOnce];
    for (int64_t i = 0; i < kRowsAtOnce; ++i) {
      from[i] = batch(std::min(i, count - 1));
      to[i] = batch(kRowsAtOnce + i);
    }
    resample_columns(picture_.columns, from, to);
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(output(last_row + 1 - count + i), to[i], output_bytes());
    }
  }

  Resampling& picture_;
  const uint8_t* pixels_;
  const int64_t first_, end_;
};

}  // namespace
}  // namespace sightline

// Without AVX2, a processor of this kind is no faster so than by Pillow.
#if defined(__AVX2__) || !defined(__x86_64__)
extern "C" {

// What the caller rounds its numbers of taps of columns up to.
int64_t taps_at_once() { return sightline::kPixels; }

// How many rows the caller's buffers hold beside those that one output needs.
int64_t rows_at_once() { return sightline::kRowsAtOnce; }

// How many bytes are behind the pixels of a row between the passes.
int64_t row_padding() { return sightline::kPadding; }

// Takes the next rows of a picture, [num_rows, width, 4], and makes what they suffice for.
void resample(sightline::Resampling* picture, const uint8_t* pixels, int64_t num_rows) {
  sightline::Band(*picture, pixels, num_rows).run();
}
}
#endif
