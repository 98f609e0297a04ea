// What Python calls. Every function works with as many threads as it is told.

#include <cstring>

#include "decoder.h"
#include "matmul.h"
#include "paged_attention.h"
#include "team.h"

using namespace sightline;

namespace {

template <typename T>
void attend(const Queries* queries, const T* query, const T* keys, const T* values, T* output,
            int num_threads) {
  Team::instance().run(num_threads, [&](Team::Shared team) {
    attend_all<T>(team, *queries, query, keys, values, output);
  });
}

uint32_t word_of(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

}  // namespace

extern "C" {

int64_t panel_width() { return kPanel; }

// `rows` is [num_outputs, num_inputs]; columns beyond the last output stay as they are.
void pack_float32(const float* rows, int64_t num_outputs, int64_t num_inputs, float* panels) {
  for (int64_t output = 0; output < num_outputs; ++output) {
    float* panel = panels + output / kPanel * num_inputs * kPanel + output % kPanel;
    for (int64_t k = 0; k < num_inputs; ++k) panel[k * kPanel] = rows[output * num_inputs + k];
  }
}

void pack_bfloat16(const float* rows, int64_t num_outputs, int64_t num_inputs, uint16_t* panels) {
  for (int64_t output = 0; output < num_outputs; ++output) {
    const int64_t column = output % kPanel;
    const int64_t place = 2 * (column % kLanes) + column / kLanes;
    uint16_t* panel = panels + output / kPanel * num_inputs * kPanel + place;
    for (int64_t k = 0; k < num_inputs; ++k) {
      panel[k * kPanel] = static_cast<uint16_t>(word_of(rows[output * num_inputs + k]) >> 16);
    }
  }
}

void multiply(const Weight* weight, const float* input, int64_t num_rows, int64_t stride,
              float* output, int num_threads) {
  Team::instance().run(num_threads, [&](Team::Shared team) {
    multiply_all(team, *weight, num_rows, {input, stride}, {output, weight->num_outputs});
  });
}

void run_decoder(const Decoder* decoder, const Step* step, int num_threads) {
  Team::instance().run(num_threads,
                       [&](Team::Shared team) { Pass(team, *decoder, *step).run(); });
}

void paged_attention_float32(const Queries* queries, const float* query, const float* keys,
                             const float* values, float* output, int num_threads) {
  attend(queries, query, keys, values, output, num_threads);
}

void paged_attention_float64(const Queries* queries, const double* query, const double* keys,
                             const double* values, double* output, int num_threads) {
  attend(queries, query, keys, values, output, num_threads);
}
}
