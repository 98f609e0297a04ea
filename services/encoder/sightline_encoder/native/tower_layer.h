// One layer of GLM-4V's vision tower over the windows of one pass.

#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "int16_attention.h"
#include "matmul.h"
#include "rows.h"
#include "team.h"
#include "window_attention.h"

namespace sightline {

struct Layer {
  Weight qkv, out, gate_up, down;
  const float *before_attention, *before_mlp;
  int64_t hidden, inner, num_heads, head_size;
  double eps, scale;

  int64_t width() const { return num_heads * head_size; }
};

// Windows begin at the rows `starts`, which end with `num_rows`. Row i of `hidden` is turned by
// head_size / 2 complex numbers. `queries` [num_rows, width] holds queries and then what
// they attended; `keys` and `values` take width * padded(length) numbers a window.
struct Windows {
  int64_t num_windows;
  const int64_t* starts;
  const float* rotations;
  float *hidden, *queries, *keys, *values;
};

// Some rows of one window.
struct Rows {
  int64_t window, start, count;
};

// Head says how patches attend.
template <typename Head>
class LayerPass {
 public:
  LayerPass(Team::Shared team, const Layer& layer, const Windows& windows)
      : team_(team), layer_(layer), windows_(windows) {
    int64_t place = 0;
    for (int64_t window = 0; window < windows.num_windows; ++window) {
      places_.push_back(place);
      place += padded(length(window)) * layer.width();
      cut(window, kRowsAtOnce, row_groups_);
      cut(window, Head::kQueries, query_groups_);
    }
  }

  void run() const {
    for_each(row_groups_, [&](const Rows& rows) { project(rows); });
    team_.for_each(query_groups_.size() * layer_.num_heads, [&](int64_t item) {
      attend(query_groups_[item / layer_.num_heads], item % layer_.num_heads);
    });
    for_each(row_groups_, [&](const Rows& rows) { finish(rows); });
  }

 private:
  static constexpr int64_t kRowsAtOnce = 48;

  int64_t length(int64_t window) const {
    return windows_.starts[window + 1] - windows_.starts[window];
  }

  void cut(int64_t window, int64_t at_once, std::vector<Rows>& groups) const {
    const int64_t end = windows_.starts[window + 1];
    for (int64_t start = windows_.starts[window]; start < end; start += at_once) {
      groups.push_back({window, start, std::min(at_once, end - start)});
    }
  }

  template <typename Body>
  void for_each(const std::vector<Rows>& groups, const Body& body) const {
    team_.for_each(groups.size(), [&](int64_t item) { body(groups[item]); });
  }

  // Room of this thread for rows of so many numbers, kept from call to call.
  template <int kWhich>
  static Matrix<float> room(int64_t width) {
    thread_local std::vector<float> numbers;
    numbers.resize(std::max<size_t>(numbers.size(), kRowsAtOnce * width));
    return {numbers.data(), width};
  }

  float* hidden(int64_t row) const { return windows_.hidden + row * layer_.hidden; }
  Matrix<float> queries(int64_t row) const {
    return {windows_.queries + row * layer_.width(), layer_.width()};
  }

  Head head(int64_t window, int64_t index) const {
    const int64_t size = layer_.head_size;
    const int64_t place = places_[window] + index * size * padded(length(window));
    return {windows_.keys + place, windows_.values + place, length(window), size};
  }

  Matrix<float> normalised(const Rows& rows, const float* weight) const {
    const Matrix<float> normed = room<0>(layer_.hidden);
    for (int64_t i = 0; i < rows.count; ++i) {
      normalise(hidden(rows.start + i), weight, layer_.hidden, layer_.eps, normed.row(i));
    }
    return normed;
  }

  static void multiply(const Weight& weight, int64_t num_rows, Matrix<float> input,
                       Matrix<float> output) {
    multiply_all(Team::Shared{nullptr}, weight, num_rows, {input.data, input.stride}, output);
  }

  // Computes queries, keys and values, turns them, and puts them where they are attended.
  void project(const Rows& rows) const {
    const Matrix<float> normed = normalised(rows, layer_.before_attention);
    const Matrix<float> heads = room<1>(3 * layer_.width());
    multiply(layer_.qkv, rows.count, normed, heads);
    for (int64_t index = 0; index < layer_.num_heads; ++index) {
      const Head head = this->head(rows.window, index);
      for (int64_t i = 0; i < rows.count; ++i) place(rows, i, index, head, heads.row(i));
      if (rows.start + rows.count == windows_.starts[rows.window + 1]) head.clear_padding();
    }
  }

  void place(const Rows& rows, int64_t i, int64_t index, const Head& head, float* heads) const {
    const int64_t size = layer_.head_size, row = rows.start + i;
    float* query = heads + index * size;
    float *key = query + layer_.width(), *value = key + layer_.width();
    for (float* each : {query, key}) turn(each, windows_.rotations + row * size, size / 2);
    const float scale = static_cast<float>(layer_.scale);
    float* kept = queries(row).data + index * size;
    for (int64_t k = 0; k < size; ++k) kept[k] = query[k] * scale;
    const int64_t place = row - windows_.starts[rows.window];
    head.put_key(place, key);
    head.put_value(place, value);
  }

  // What was attended takes the place of the queries.
  void attend(const Rows& rows, int64_t index) const {
    float queries[Head::kQueries * kMostHeadSize];
    const int64_t size = layer_.head_size;
    const Matrix<float> all = this->queries(rows.start);
    const Matrix<float> attended{all.data + index * size, all.stride};
    for (int64_t i = 0; i < rows.count; ++i) {
      std::copy_n(attended.row(i), size, queries + i * size);
    }
    head(rows.window, index).attend({queries, size}, rows.count, attended);
  }

  // Adds what was attended, and what the MLP makes of it.
  void finish(const Rows& rows) const {
    const Matrix<float> sums = room<1>(layer_.hidden);
    multiply(layer_.out, rows.count, queries(rows.start), sums);
    add_all(rows, sums);
    const Matrix<float> normed = normalised(rows, layer_.before_mlp);
    const Matrix<float> halves = room<2>(2 * layer_.inner), inner = room<3>(layer_.inner);
    multiply(layer_.gate_up, rows.count, normed, halves);
    for (int64_t i = 0; i < rows.count; ++i) {
      gate(halves.row(i), halves.row(i) + layer_.inner, layer_.inner, inner.row(i));
    }
    multiply(layer_.down, rows.count, inner, sums);
    add_all(rows, sums);
  }

  void add_all(const Rows& rows, Matrix<float> sums) const {
    for (int64_t i = 0; i < rows.count; ++i) {
      add(sums.row(i), layer_.hidden, hidden(rows.start + i));
    }
  }

  const Team::Shared team_;
  const Layer& layer_;
  const Windows& windows_;
  std::vector<int64_t> places_;
  std::vector<Rows> row_groups_, query_groups_;
};

}  // namespace sightline
