// What Python calls of packed weights: included once by each library of kernels.

#pragma once

#include <cstdint>
#include <cstring>

#include "matmul.h"
#include "team.h"

namespace sightline {

inline uint32_t word_of(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

}  // namespace sightline

extern "C" {

int64_t panel_width() { return sightline::kPanel; }

// `rows` is [num_outputs, num_inputs]; columns beyond the last output stay as they are.
void pack_float32(const float* rows, int64_t num_outputs, int64_t num_inputs, float* panels) {
  using sightline::kPanel;
  for (int64_t output = 0; output < num_outputs; ++output) {
    float* panel = panels + output / kPanel * num_inputs * kPanel + output % kPanel;
    for (int64_t k = 0; k < num_inputs; ++k) panel[k * kPanel] = rows[output * num_inputs + k];
  }
}

void pack_bfloat16(const float* rows, int64_t num_outputs, int64_t num_inputs, uint16_t* panels) {
  using sightline::kLanes, sightline::kPanel;
  for (int64_t output = 0; output < num_outputs; ++output) {
    const int64_t column = output % kPanel;
    const int64_t place = 2 * (column % kLanes) + column / kLanes;
    uint16_t* panel = panels + output / kPanel * num_inputs * kPanel + place;
    for (int64_t k = 0; k < num_inputs; ++k) {
      panel[k * kPanel] =
          static_cast<uint16_t>(sightline::word_of(rows[output * num_inputs + k]) >> 16);
    }
  }
}

void multiply(const sightline::Weight* weight, const float* input, int64_t num_rows,
              int64_t stride, float* output, int num_threads) {
  sightline::Team::run(num_threads, [&](sightline::Team::Shared team) {
    sightline::multiply_many(team, *weight, num_rows, {input, stride},
                            {output, weight->num_outputs});
  });
}
}
