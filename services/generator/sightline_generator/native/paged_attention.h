// Attention of single queries over keys and values that lie in blocks.
//
// A block of a cache is [block_size, num_kv_heads, head_size]. The softmax is taken in
// chunks with a running maximum (Milakov and Gimelshein, 2018). Whatever is not finite
// stays so: nothing here may be compiled with -ffast-math.

#pragma once

#include <cmath>
#include <cstdint>

#include "exponential.h"
#include "team.h"

namespace sightline {

constexpr int kChunk = 128;

// kSize is the head size, or 0 when it is only known at run time.
template <typename T, int kSize>
struct Row {
  const T* keys;
  const T* values;
  const int32_t* blocks;
  int64_t length, block_size, block_stride, token_stride, dynamic_size;
  T scale;

  int64_t size() const { return kSize ? kSize : dynamic_size; }

  // Attends `num` query heads, which lie one after the other.
  void attend(const T* query, const float* slopes, int64_t num, T* output) const {
    for (int64_t head = 0; head < num; ++head) {
      attend_head(query + head * size(), slopes ? slopes[head] : 0.0f, output + head * size());
    }
  }

  void attend_head(const T* query, T slope, T* output) const {
    T weights[kChunk];
    T highest = -INFINITY, total = 0;
    for (int64_t i = 0; i < size(); ++i) output[i] = 0;
    for (int64_t start = 0; start < length;) {
      const int64_t count = chunk_at(start);
      T peak = highest;
      score(query, slope, start, count, weights);
      for (int64_t t = 0; t < count; ++t) peak = weights[t] > peak ? weights[t] : peak;
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t t = 0; t < count; ++t) {
        weights[t] = exp_of(weights[t] - peak);
        sum += weights[t];
      }
      const T kept = start ? exp_of(highest - peak) : T(0);
      total = total * kept + sum;
      highest = peak;
#pragma omp simd
      for (int64_t i = 0; i < size(); ++i) output[i] *= kept;
      add_values(weights, start, count, output);
      start += count;
    }
    for (int64_t i = 0; i < size() && length; ++i) output[i] /= total;
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

  void score(const T* query, T slope, int64_t start, int64_t count, T* scores) const {
    pieces(keys, start, count, [&](int64_t first, const T* key, int64_t piece) {
      for (int64_t t = 0; t < piece; ++t, key += token_stride) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < size(); ++i) sum += query[i] * key[i];
        scores[first + t] = sum * scale - slope * (length - 1 - start - first - t);
      }
    });
  }

  // Four tokens at a time, so that sums are written back a quarter as often.
  void add_values(const T* weights, int64_t start, int64_t count, T* output) const {
    pieces(values, start, count, [&](int64_t first, const T* value, int64_t piece) {
      const T* weight = weights + first;
      int64_t t = 0;
      for (; t + 4 <= piece; t += 4, weight += 4, value += 4 * token_stride) {
        const T *second = value + token_stride, *third = second + token_stride;
        const T* fourth = third + token_stride;
#pragma omp simd
        for (int64_t i = 0; i < size(); ++i) {
          output[i] += (weight[0] * value[i] + weight[1] * second[i]) +
                       (weight[2] * third[i] + weight[3] * fourth[i]);
        }
      }
      for (; t < piece; ++t, ++weight, value += token_stride) {
#pragma omp simd
        for (int64_t i = 0; i < size(); ++i) output[i] += weight[0] * value[i];
      }
    });
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
    const Row<T, kSize> row{keys + kv_head * size,
                            values + kv_head * size,
                            queries.tables + queries.sequences[index] * queries.table_width,
                            queries.lengths[index],
                            queries.block_size,
                            queries.block_size * token_stride,
                            token_stride,
                            size,
                            static_cast<T>(queries.scale)};
    const int64_t head = kv_head * group;
    row.attend(query + index * queries.query_stride + head * size,
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
