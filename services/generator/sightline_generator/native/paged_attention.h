// Attention of single queries over keys and values that lie in blocks.
//
// A block of a cache is [block_size, num_kv_heads, head_size]. The softmax is taken in
// chunks with a running maximum. Every sum is taken in an order that
// the place of a key alone decides: a query's result is the same whatever is attended beside
// it. Whatever is not finite stays so: nothing here may be compiled with -ffast-math.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "rows.h"
#include "team.h"
#include "vectors.h"

namespace sightline {

constexpr int kChunk = 128;

// What a query sees of one sequence and one head of keys and values. kSize is the head size, or
// 0 when it is only known at run time.
template <typename T, int kSize>
struct Context {
  static constexpr int kWidth = Lanes<T>::kCount;
  static constexpr int kKeysAtOnce = 4, kVectorsAtOnce = 4;
  using Vector = typename Lanes<T>::Vector;

  const T* keys;
  const T* values;
  const int32_t* blocks;
  int64_t length, block_size, block_stride, token_stride, dynamic_size;
  T scale;

  int64_t size() const { return kSize ? kSize : dynamic_size; }

  // Attends `num` query heads, which lie one after the other: two at a time, so that a key
  // that was loaded serves both.
  void attend(const T* query, const float* slopes, int64_t num, T* output) const {
    for (int64_t head = 0; head < num; head += 2) {
      const int64_t place = head * size();
      const float* slope = slopes ? slopes + head : nullptr;
      if (head + 1 < num) {
        attend_heads<2>(query + place, slope, output + place);
      } else {
        attend_heads<1>(query + place, slope, output + place);
      }
    }
  }

  template <int kHeads>
  void attend_heads(const T* query, const float* slopes, T* output) const {
    T weights[kHeads][kChunk], highest[kHeads], total[kHeads] = {};
    std::fill_n(highest, kHeads, T(-INFINITY));
    std::fill_n(output, kHeads * size(), T(0));
    for (int64_t start = 0; start < length;) {
      const int64_t count = chunk_at(start);
      score<kHeads>(query, start, count, weights);
      for (int head = 0; head < kHeads; ++head) {
        if (slopes) lean(slopes[head], start, count, weights[head]);
        const T kept = weigh(count, weights[head], highest[head], total[head]);
        multiply_by(kept, output + head * size());
      }
      add_values<kHeads>(weights, start, count, output);
      start += count;
    }
    for (int head = 0; head < kHeads && length; ++head) {
      for (int64_t i = 0; i < size(); ++i) output[head * size() + i] /= total[head];
    }
  }

  // As many whole blocks as fit, or a piece of one that is larger than a chunk.
  int64_t chunk_at(int64_t start) const {
    const int64_t left = length - start;
    const int64_t most = block_size < kChunk ? kChunk / block_size * block_size
                                             : block_size - start % block_size;
    const int64_t count = most < kChunk ? most : kChunk;
    return left < count ? left : count;
  }

  // Calls `body(first, token, count)` for every piece of a chunk that lies in one block.
  template <typename Body>
  void pieces(const T* cache, int64_t start, int64_t count, Body body) const {
    int64_t block = start / block_size, offset = start % block_size;
    for (int64_t done = 0; done < count; ++block, offset = 0) {
      const int64_t room = block_size - offset, left = count - done;
      const int64_t piece = left < room ? left : room;
      body(done, cache + blocks[block] * block_stride + offset * token_stride, piece);
      done += piece;
    }
  }

  template <int kHeads>
  void score(const T* query, int64_t start, int64_t count, T (*scores)[kChunk]) const {
    pieces(keys, start, count, [&](int64_t first, const T* key, int64_t piece) {
      const int64_t ahead = start_of_block_after(start + first) - (key - keys);
      int64_t t = 0;
      for (; t + kKeysAtOnce <= piece; t += kKeysAtOnce, key += kKeysAtOnce * token_stride) {
        fetch_ahead(key - keys + ahead);
        score_keys<kHeads, kKeysAtOnce>(query, key, scores, first + t);
      }
      for (; t < piece; ++t, key += token_stride) {
        score_keys<kHeads, 1>(query, key, scores, first + t);
      }
    });
  }

  int64_t start_of_block_after(int64_t position) const {
    const int64_t last = (length - 1) / block_size;
    return blocks[std::min(position / block_size + 1, last)] * block_stride;
  }

  // Blocks lie anywhere: the processor does not foresee the next one.
  void fetch_ahead(int64_t offset) const {
    for (int k = 0; k < kKeysAtOnce; ++k, offset += token_stride) {
      for (int64_t i = 0; i < size(); i += 64 / sizeof(T)) {
        __builtin_prefetch(keys + offset + i);
        __builtin_prefetch(values + offset + i);
      }
    }
  }

  template <int kHeads, int kKeys>
  void score_keys(const T* query, const T* key, T (*scores)[kChunk], int64_t first) const {
    Vector sums[kHeads][kKeys] = {};
    int64_t i = 0;
    for (; i + kWidth <= size(); i += kWidth) {
      Vector lines[kKeys];
#pragma GCC unroll 4
      for (int k = 0; k < kKeys; ++k) lines[k] = load(key + k * token_stride + i);
#pragma GCC unroll 2
      for (int head = 0; head < kHeads; ++head) {
        const Vector part = load(query + head * size() + i);
#pragma GCC unroll 4
        for (int k = 0; k < kKeys; ++k) sums[head][k] += part * lines[k];
      }
    }
#pragma GCC unroll 2
    for (int head = 0; head < kHeads; ++head) {
      T totals[kKeys] = {};
      for (int64_t j = i; j < size(); ++j) {
        const T part = query[head * size() + j];
        for (int k = 0; k < kKeys; ++k) totals[k] += part * key[k * token_stride + j];
      }
      add_across<T>(sums[head], totals);
#pragma GCC unroll 4
      for (int k = 0; k < kKeys; ++k) scores[head][first + k] = totals[k] * scale;
    }
  }

  // The farther a key lies back, the less it counts.
  void lean(T slope, int64_t start, int64_t count, T* scores) const {
    for (int64_t t = 0; t < count; ++t) scores[t] -= slope * (length - 1 - start - t);
  }

  void multiply_by(T factor, T* row) const {
#pragma omp simd
    for (int64_t i = 0; i < size(); ++i) row[i] *= factor;
  }

  // Sums of some columns stay in registers over all keys of a chunk.
  template <int kHeads>
  void add_values(const T (*weights)[kChunk], int64_t start, int64_t count, T* output) const {
    constexpr int kColumns = kVectorsAtOnce * kWidth;
    int64_t column = 0;
    for (; column + kColumns <= size(); column += kColumns) {
      add_columns<kHeads, kVectorsAtOnce>(weights, start, count, column, output + column);
    }
    for (; column + kWidth <= size(); column += kWidth) {
      add_columns<kHeads, 1>(weights, start, count, column, output + column);
    }
    for (; column < size(); ++column) {
      add_column<kHeads>(weights, start, count, column, output + column);
    }
  }

  template <int kHeads, int kVectors>
  void add_columns(const T (*weights)[kChunk], int64_t start, int64_t count, int64_t column,
                   T* output) const {
    Vector sums[kHeads][kVectors];
    each<kHeads, kVectors>([&](int h, int v) { sums[h][v] = load(output + h * size() + v * kWidth); });
    pieces(values + column, start, count, [&](int64_t first, const T* value, int64_t piece) {
      for (int64_t t = 0; t < piece; ++t, value += token_stride) {
        Vector lines[kVectors];
        each<1, kVectors>([&](int, int v) { lines[v] = load(value + v * kWidth); });
        each<kHeads, kVectors>(
            [&](int h, int v) { sums[h][v] += weights[h][first + t] * lines[v]; });
      }
    });
    each<kHeads, kVectors>([&](int h, int v) { put(output + h * size() + v * kWidth, sums[h][v]); });
  }

  // A column beyond the last whole vector.
  template <int kHeads>
  void add_column(const T (*weights)[kChunk], int64_t start, int64_t count, int64_t column,
                  T* output) const {
    pieces(values + column, start, count, [&](int64_t first, const T* value, int64_t piece) {
      for (int64_t t = 0; t < piece; ++t, value += token_stride) {
        for (int h = 0; h < kHeads; ++h) output[h * size()] += weights[h][first + t] * *value;
      }
    });
  }

  template <int kHeads, int kVectors, typename Body>
  static void each(const Body& body) {
#pragma GCC unroll 2
    for (int head = 0; head < kHeads; ++head) {
#pragma GCC unroll 4
      for (int vector = 0; vector < kVectors; ++vector) body(head, vector);
    }
  }
};

// Queries of one step. Query i belongs to sequence `sequences[i]`, whose blocks are that row of
// `tables`, and sees the first `lengths[i]` of its tokens.
struct Queries {
  int64_t count, num_heads, num_kv_heads, head_size, block_size, table_width, query_stride;
  const int32_t *tables, *sequences, *lengths;
  const float* slopes;
  double scale;
};

template <typename T, int kSize>
void attend_sized(Team::Shared team, const Queries& queries, const T* query, const T* keys,
                  const T* values, T* output) {
  const int64_t size = queries.head_size, group = queries.num_heads / queries.num_kv_heads;
  const int64_t token_stride = queries.num_kv_heads * size;
  team.for_each(queries.count * queries.num_kv_heads, [&](int64_t item) {
    const int64_t index = item / queries.num_kv_heads, kv_head = item % queries.num_kv_heads;
    const Context<T, kSize> context{keys + kv_head * size,
                                    values + kv_head * size,
                                    queries.tables + queries.sequences[index] * queries.table_width,
                                    queries.lengths[index],
                                    queries.block_size,
                                    queries.block_size * token_stride,
                                    token_stride,
                                    size,
                                    static_cast<T>(queries.scale)};
    const int64_t head = kv_head * group;
    context.attend(query + index * queries.query_stride + head * size,
                   queries.slopes ? queries.slopes + head : nullptr, group,
                   output + (index * queries.num_heads + head) * size);
  });
}

template <typename T>
void attend_all(Team::Shared team, const Queries& queries, const T* query, const T* keys,
                const T* values, T* output) {
  auto* attend = queries.head_size == 64    ? &attend_sized<T, 64>
                 : queries.head_size == 128 ? &attend_sized<T, 128>
                                            : &attend_sized<T, 0>;
  attend(team, queries, query, keys, values, output);
}

}  // namespace sightline
