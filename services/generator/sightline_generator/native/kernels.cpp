// What Python calls. Every function works with as many threads as it is told.

#include "decoder.h"
#include "packing.h"
#include "paged_attention.h"
#include "team.h"

using namespace sightline;

namespace {

template <typename T>
void attend(const Queries* queries, const T* query, const T* keys, const T* values, T* output,
            int num_threads) {
  Team::run(num_threads, [&](Team::Shared team) {
    attend_all<T>(team, *queries, query, keys, values, output);
  });
}

}  // namespace

extern "C" {

void run_decoder(const Decoder* decoder, const Step* step, int num_threads) {
  Team::run(num_threads, [&](Team::Shared team) { Pass(team, *decoder, *step).run(); });
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
