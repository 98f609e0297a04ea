// Products of rows with a weight that was packed into panels.
//
// A panel holds kPanel columns of the transposed weight, one input after the other, so that
// it is read in order. Every sum is taken over the inputs in ascending order whatever the number
// of rows: a row's product does not depend on the rows that are multiplied beside it.

#pragma once

#include <cstdint>
#include <utility>

#include "team.h"

namespace sightline {

#ifdef __AVX512F__
constexpr int kLanes = 16, kSums = 24;  // kSums: vectors of sums that fit beside the operands
#else
constexpr int kLanes = 8, kSums = 12;
#endif
constexpr int kPanel = 2 * kLanes;

using Vector = float __attribute__((vector_size(4 * kLanes), aligned(4)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes), aligned(4)));

// Weights as they are: a line of a panel is kPanel floats.
struct Float32 {
  using Element = float;
  static void load(const float* line, Vector& low, Vector& high) {
    low = *reinterpret_cast<const Vector*>(line);
    high = *reinterpret_cast<const Vector*>(line + kLanes);
  }
};

// Weights whose lower 16 bits are zero. A word holds column i in its lower half and column
// i + kLanes in its upper one.
struct Bfloat16 {
  using Element = uint16_t;
  static void load(const uint16_t* line, Vector& low, Vector& high) {
    const Words words = *reinterpret_cast<const Words*>(line);
    low = reinterpret_cast<Vector>(words << 16);
    high = reinterpret_cast<Vector>(words & 0xffff0000u);
  }
};

struct Weight {
  const void* panels;
  const float* bias;  // one for each column of all panels, or null
  int64_t num_inputs, num_outputs;
  int64_t halved;  // whether the panels are Bfloat16

  int64_t num_panels() const { return (num_outputs + kPanel - 1) / kPanel; }
};

// Rows of floats, `stride` apart.
template <typename T>
struct Matrix {
  T* data;
  int64_t stride;
  T* row(int64_t index) const { return data + index * stride; }
};

inline void store(const Weight& weight, int64_t panel, Vector low, Vector high, float* row) {
  const int64_t first = panel * kPanel, left = weight.num_outputs - first;
  if (weight.bias) {
    low += *reinterpret_cast<const Vector*>(weight.bias + first);
    high += *reinterpret_cast<const Vector*>(weight.bias + first + kLanes);
  }
  float* place = row + first;
  if (left >= kPanel) {
    *reinterpret_cast<Vector*>(place) = low;
    *reinterpret_cast<Vector*>(place + kLanes) = high;
    return;
  }
  for (int64_t i = 0; i < left; ++i) place[i] = i < kLanes ? low[i] : high[i - kLanes];
}

// kRows rows times kPanels neighbouring panels.
template <typename Kind, int kRows, int kPanels>
void multiply_tile(const Weight& weight, int64_t panel, Matrix<const float> input,
                   Matrix<float> output) {
  using Element = typename Kind::Element;
  const int64_t num_inputs = weight.num_inputs;
  const Element* lines = static_cast<const Element*>(weight.panels) + panel * num_inputs * kPanel;
  Vector sums[kRows][kPanels][2] = {};
  for (int64_t k = 0; k < num_inputs; ++k) {
    Vector low[kPanels], high[kPanels];
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      Kind::load(lines + (p * num_inputs + k) * kPanel, low[p], high[p]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const float value = input.row(r)[k];
#pragma GCC unroll 8
      for (int p = 0; p < kPanels; ++p) {
        sums[r][p][0] += value * low[p];
        sums[r][p][1] += value * high[p];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      store(weight, panel + p, sums[r][p][0], sums[r][p][1], output.row(r));
    }
  }
}

using Tile = void (*)(const Weight&, int64_t, Matrix<const float>, Matrix<float>);

template <typename Kind, int kPanels, int... kRows>
Tile tile_of(int64_t num_rows, std::integer_sequence<int, kRows...>) {
  static constexpr Tile tiles[] = {&multiply_tile<Kind, kRows + 1, kPanels>...};
  return tiles[num_rows - 1];
}

// Any number of rows times `kPanels` panels from `panel` on.
template <typename Kind, int kPanels>
void multiply_rows(const Weight& weight, int64_t panel, int64_t num_rows,
                   Matrix<const float> input, Matrix<float> output) {
  constexpr int kMost = kSums / 2 / kPanels;
  const int64_t num_tiles = (num_rows + kMost - 1) / kMost;
  for (int64_t tile = 0, row = 0; tile < num_tiles; ++tile) {
    const int64_t left = num_tiles - tile, count = (num_rows - row + left - 1) / left;
    const Tile multiply =
        tile_of<Kind, kPanels>(count, std::make_integer_sequence<int, kMost>());
    multiply(weight, panel, {input.row(row), input.stride}, {output.row(row), output.stride});
    row += count;
  }
}

// Few rows take several panels at once: independent sums hide the latency of an addition.
inline int64_t panels_at_once(int64_t num_rows) { return num_rows == 1 ? 4 : num_rows <= 3 ? 2 : 1; }

template <typename Kind>
void multiply_kind(const Weight& weight, int64_t panel, int64_t count, int64_t num_rows,
                   Matrix<const float> input, Matrix<float> output) {
  if (count == 4) return multiply_rows<Kind, 4>(weight, panel, num_rows, input, output);
  if (count == 2) return multiply_rows<Kind, 2>(weight, panel, num_rows, input, output);
  for (int64_t end = panel + count; panel < end; ++panel) {
    multiply_rows<Kind, 1>(weight, panel, num_rows, input, output);
  }
}

// Rows times `count` panels, at most as many as panels_at_once.
inline void multiply_panels(const Weight& weight, int64_t panel, int64_t count, int64_t num_rows,
                            Matrix<const float> input, Matrix<float> output) {
  auto* multiply = weight.halved ? &multiply_kind<Bfloat16> : &multiply_kind<Float32>;
  multiply(weight, panel, count, num_rows, input, output);
}

// Rows times all panels, which the team shares.
inline void multiply_all(Team::Shared team, const Weight& weight, int64_t num_rows,
                         Matrix<const float> input, Matrix<float> output) {
  const int64_t step = panels_at_once(num_rows), num_panels = weight.num_panels();
  team.for_each((num_panels + step - 1) / step, [&](int64_t item) {
    const int64_t panel = item * step, left = num_panels - panel;
    multiply_panels(weight, panel, left < step ? left : step, num_rows, input, output);
  });
}

// The same for any number of rows: many of them are shared, and read once while the panels come
// again and again, from a nearer cache.
inline void multiply_many(Team::Shared team, const Weight& weight, int64_t num_rows,
                          Matrix<const float> input, Matrix<float> output) {
  constexpr int64_t kAtOnce = 4 * kSums / 2;
  if (num_rows < 4 * kAtOnce) return multiply_all(team, weight, num_rows, input, output);
  team.for_each((num_rows + kAtOnce - 1) / kAtOnce, [&](int64_t item) {
    const int64_t row = item * kAtOnce, left = num_rows - row;
    multiply_all(Team::Shared{nullptr}, weight, left < kAtOnce ? left : kAtOnce,
                 {input.row(row), input.stride}, {output.row(row), output.stride});
  });
}

}  // namespace sightline
