// What Python calls. Every function works with as many threads as it is told.

#include "packing.h"
#include "team.h"
#include "tower_layer.h"

using namespace sightline;

namespace {

template <typename Head>
void run(const Layer& layer, const Windows& windows, int num_threads) {
  Team::run(num_threads, [&](Team::Shared team) {
    LayerPass<Head>(team, layer, windows).run();
  });
}

}  // namespace

extern "C" {

int64_t most_head_size() { return kMostHeadSize; }

void run_layer_float32(const Layer* layer, const Windows* windows, int num_threads) {
  run<FloatHead>(*layer, *windows, num_threads);
}

#ifdef SIGHTLINE_INT16_ATTENTION
void run_layer_int16(const Layer* layer, const Windows* windows, int num_threads) {
  run<Int16Head>(*layer, *windows, num_threads);
}
#endif
}
