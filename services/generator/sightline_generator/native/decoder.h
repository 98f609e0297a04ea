// All layers of GLM-4V's decoder over the rows of one step.

#pragma once

#include <algorithm>
#include <cstdint>

#include "matmul.h"
#include "paged_attention.h"
#include "rows.h"
#include "team.h"

namespace sightline {

struct Layer {
  Weight qkv, out, gate_up, down;
  const float *before_attention, *after_attention, *before_mlp, *after_mlp;
  float *keys, *values;
};

struct Decoder {
  int64_t num_layers, hidden, inner, num_heads, num_kv_heads, head_size, num_pairs, block_size;
  double eps, scale;
  const Layer* layers;
  const float* last_norm;

  int64_t num_all_heads() const { return num_heads + 2 * num_kv_heads; }
};

// `hidden` holds the embeddings, and in the end the normalised hidden states. Row i writes its
// key and value to slot `slots[i]`, and is turned by `num_pairs` complex numbers. Only the
// `num_wanted` rows at `wanted`, in ascending order, leave the last layer; they move to the front.
struct Step {
  int64_t num_rows, table_width, num_wanted;
  const int32_t *tables, *sequences, *lengths;
  const int64_t *slots, *wanted;
  const int32_t *wanted_sequences, *wanted_lengths;
  const float* rotations;
  float *hidden, *normed, *heads, *attended, *projected, *gate_up, *inner;
};

class Pass {
 public:
  Pass(Team::Shared team, const Decoder& decoder, const Step& step)
      : team_(team), decoder_(decoder), step_(step) {}

  void run() const {
    normalise_all(decoder_.layers[0].before_attention);
    for (int64_t index = 0; index < decoder_.num_layers; ++index) {
      const Layer& layer = decoder_.layers[index];
      multiply_all(team_, layer.qkv, step_.num_rows, {step_.normed, decoder_.hidden}, heads());
      place_all(layer);
      if (index + 1 < decoder_.num_layers) {
        finish(layer, decoder_.layers[index + 1].before_attention, step_.normed);
      } else if (step_.num_wanted > 0) {
        const Step wanted = wanted_alone();
        Pass(team_, decoder_, wanted).finish(layer, decoder_.last_norm, step_.hidden);
      }
    }
  }

 private:
  // What follows a layer's keys and values.
  void finish(const Layer& layer, const float* next_norm, float* output) const {
    attend(layer);
    multiply_all(team_, layer.out, step_.num_rows, {step_.attended, attended_width()}, projected());
    add_all(layer.after_attention, layer.before_mlp, step_.normed);
    gate_all(layer);
    multiply_all(team_, layer.down, step_.num_rows, {step_.inner, decoder_.inner}, projected());
    add_all(layer.after_mlp, next_norm, output);
  }

  // Behind the last keys and values nobody reads the other rows.
  Step wanted_alone() const {
    Step step = step_;
    if (step.num_wanted == step.num_rows) return step;
    for (int64_t row = 0; row < step.num_wanted; ++row) {
      const int64_t source = step.wanted[row];
      if (source == row) continue;
      std::copy_n(step.heads + source * heads_width(), attended_width(),
                  step.heads + row * heads_width());
      std::copy_n(step.hidden + source * decoder_.hidden, decoder_.hidden,
                  step.hidden + row * decoder_.hidden);
    }
    step.num_rows = step.num_wanted;
    step.sequences = step.wanted_sequences;
    step.lengths = step.wanted_lengths;
    return step;
  }

  int64_t heads_width() const { return decoder_.num_all_heads() * decoder_.head_size; }
  int64_t attended_width() const { return decoder_.num_heads * decoder_.head_size; }
  Matrix<float> heads() const { return {step_.heads, heads_width()}; }
  Matrix<float> projected() const { return {step_.projected, decoder_.hidden}; }

  void normalise_all(const float* weight) const {
    for_rows([&](int64_t row) {
      const int64_t start = row * decoder_.hidden;
      normalise(step_.hidden + start, weight, decoder_.hidden, decoder_.eps, step_.normed + start);
    });
  }

  // Adds the normalised projection to the hidden states, and normalises these.
  void add_all(const float* after, const float* before, float* output) const {
    const int64_t size = decoder_.hidden;
    for_rows([&](int64_t row) {
      float* hidden = step_.hidden + row * size;
      float* projected = step_.projected + row * size;
      normalise(projected, after, size, decoder_.eps, projected);
      add(projected, size, hidden);
      normalise(hidden, before, size, decoder_.eps, output + row * size);
    });
  }

  // Turns queries and keys, and puts keys and values into the cache.
  void place_all(const Layer& layer) const {
    const int64_t size = decoder_.head_size, num_kv = decoder_.num_kv_heads;
    for_rows([&](int64_t row) {
      float* heads = step_.heads + row * heads_width();
      float* keys = heads + decoder_.num_heads * size;
      for (int64_t head = 0; head < decoder_.num_heads + num_kv; ++head) {
        turn(heads + head * size, step_.rotations + row * 2 * decoder_.num_pairs,
             decoder_.num_pairs);
      }
      const int64_t slot = step_.slots[row] * num_kv * size;
      std::copy_n(keys, num_kv * size, layer.keys + slot);
      std::copy_n(keys + num_kv * size, num_kv * size, layer.values + slot);
    });
  }

  void attend(const Layer& layer) const {
    const Queries queries{step_.num_rows,       decoder_.num_heads,  decoder_.num_kv_heads,
                          decoder_.head_size,   decoder_.block_size, step_.table_width,
                          heads_width(),        step_.tables,        step_.sequences,
                          step_.lengths,        nullptr,             decoder_.scale};
    attend_all<float>(team_, queries, step_.heads, layer.keys, layer.values, step_.attended);
  }

  // The panels of gate and up that lie over each other are multiplied by one thread, while the
  // product is at hand.
  void gate_all(const Layer& layer) const {
    const int64_t half = decoder_.inner / kPanel;
    const int64_t at_once = panels_at_once(step_.num_rows);
    team_.for_each((half + at_once - 1) / at_once, [&](int64_t item) {
      const int64_t panel = item * at_once, count = std::min(at_once, half - panel);
      for (const int64_t first : {panel, panel + half}) {
        multiply_panels(layer.gate_up, first, count, step_.num_rows,
                        {step_.normed, decoder_.hidden}, {step_.gate_up, 2 * decoder_.inner});
      }
      for (int64_t row = 0; row < step_.num_rows; ++row) activate(row, panel, count);
    });
  }

  void activate(int64_t row, int64_t panel, int64_t count) const {
    const float* gates = step_.gate_up + row * 2 * decoder_.inner + panel * kPanel;
    const float* ups = gates + decoder_.inner;
    float* inner = step_.inner + row * decoder_.inner + panel * kPanel;
    gate(gates, ups, count * kPanel, inner);
  }

  // Calls `body(row)` for all rows; some of them are one item.
  template <typename Body>
  void for_rows(const Body& body) const {
    const int64_t num_items = (step_.num_rows + kRowsAtOnce - 1) / kRowsAtOnce;
    team_.for_each(num_items, [&](int64_t item) {
      const int64_t first = item * kRowsAtOnce;
      const int64_t end = std::min(first + kRowsAtOnce, step_.num_rows);
      for (int64_t row = first; row < end; ++row) body(row);
    });
  }

  static constexpr int64_t kRowsAtOnce = 4;
  const Team::Shared team_;
  const Decoder& decoder_;
  const Step& step_;
};

}  // namespace sightline
