// Threads that share the items of one phase after the other.
//
// Whoever is awake takes the next item. The caller never waits for a thread that has not
// come, only for items that were taken. Where a thread lost its core to other work in the middle
// of an item, which shows in its taking several times as long as the caller's own, the caller works
// alone for a while, the longer the more often that happened.

#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>

namespace sightline {

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Team {
 public:
  // Calls `work(Shared)` with this thread and up to `num_threads - 1` others to share its items.
  // Callers at the same time have a team each; where all are taken, a caller works alone.
  template <typename Work>
  static void run(int num_threads, const Work& work) {
    if (num_threads > 1) {
      for (Team& team : teams()) {
        std::unique_lock<std::mutex> lock(team.busy_, std::try_to_lock);
        if (lock) return team.lead(num_threads, work);
      }
    }
    work(Shared{nullptr});
  }

  // The team as a piece of work sees it; alone without one.
  struct Shared {
    Team* team;

    // Calls `body(index)` for every index below `count`, in any order, and waits for all.
    template <typename Body>
    void for_each(int64_t count, const Body& body) const {
      if (team != nullptr && count > 1) return team->share(count, body);
      for (int64_t index = 0; index < count; ++index) body(index);
    }
  };

 private:
  using Call = void (*)(const void*, int64_t);
  using Clock = std::chrono::steady_clock;
  static constexpr int kSpins = 2000;  // some 50 microseconds
  static constexpr auto kPatience = std::chrono::microseconds(300);
  static constexpr int kItemsOfPatience = 4;
  static constexpr auto kShortBreak = std::chrono::milliseconds(4);
  static constexpr int kMostStrikes = 6;

  // A few a process, never taken down: threads sleep when there is nothing to do.
  static std::array<Team, 8>& teams() {
    static auto* teams = new std::array<Team, 8>;
    return *teams;
  }

  template <typename Work>
  void lead(int num_threads, const Work& work) {
    for (; num_helpers_ < num_threads - 1; ++num_helpers_) {
      std::thread(&Team::help, this, num_helpers_).detach();
    }
    num_wanted_.store(num_threads - 1, std::memory_order_relaxed);
    const int strikes = strikes_;
    work(Shared{this});
    if (!open_.load(std::memory_order_relaxed)) return;
    open_.store(false, std::memory_order_relaxed);
    if (strikes == strikes_) strikes_ = std::max(0, strikes_ - 1);
  }

  void open() {
    open_.store(true, std::memory_order_seq_cst);
    if (num_asleep_.load(std::memory_order_seq_cst) > 0) wake();
  }

  template <typename Body>
  void share(int64_t count, const Body& body) {
    while (count > 0 && Clock::now() < alone_until_) body(--count);
    if (count == 0) return;
    if (!open_.load(std::memory_order_relaxed)) open();
    body_ = &body;
    call_ = [](const void* given, int64_t index) { (*static_cast<const Body*>(given))(index); };
    pending_.store(count, std::memory_order_relaxed);
    left_.store(count, std::memory_order_release);
    const auto started = Clock::now();
    int64_t num_taken = 0;
    while (take()) ++num_taken;
    // Who took none knows not how long one takes.
    const auto item = num_taken ? (Clock::now() - started) / num_taken : std::chrono::hours(1);
    await_pending(std::max<Clock::duration>(kPatience, item * kItemsOfPatience));
  }

  void await_pending(Clock::duration patience) {
    for (int spins = 0; spins < kSpins; ++spins) {
      if (pending_.load(std::memory_order_acquire) == 0) return;
      pause_briefly();
    }
    const auto started = Clock::now();
    while (pending_.load(std::memory_order_acquire) > 0) sched_yield();
    const auto now = Clock::now();
    if (now - started > patience) {
      alone_until_ = now + kShortBreak * (1 << strikes_);
      strikes_ = std::min(strikes_ + 1, kMostStrikes);
    }
  }

  // Does one item; false when none is left. Body and call hold still while an item is pending.
  bool take() {
    int64_t left = left_.load(std::memory_order_acquire);
    do {
      if (left == 0) return false;
    } while (!left_.compare_exchange_weak(left, left - 1, std::memory_order_acquire));
    call_(body_, left - 1);
    pending_.fetch_sub(1, std::memory_order_release);
    return true;
  }

  void help(int number) {
    for (int spins = 0;; ++spins) {
      if (number < num_wanted_.load(std::memory_order_relaxed) && take()) {
        spins = 0;
      } else if (spins < kSpins || open_.load(std::memory_order_relaxed)) {
        spins % 64 == 63 ? static_cast<void>(sched_yield()) : pause_briefly();
      } else {
        sleep();
        spins = 0;
      }
    }
  }

  void sleep() {
    const uint32_t seen = calls_.load(std::memory_order_seq_cst);
    num_asleep_.fetch_add(1, std::memory_order_seq_cst);
    if (!open_.load(std::memory_order_seq_cst)) calls_.wait(seen, std::memory_order_seq_cst);
    num_asleep_.fetch_sub(1, std::memory_order_seq_cst);
  }

  void wake() {
    calls_.fetch_add(1, std::memory_order_seq_cst);
    calls_.notify_all();
  }

  std::mutex busy_;
  int num_helpers_ = 0;
  int strikes_ = 0;
  Clock::time_point alone_until_;
  std::atomic<int> num_wanted_{0};
  std::atomic<bool> open_{false};
  std::atomic<int> num_asleep_{0};
  std::atomic<uint32_t> calls_{0};
  alignas(64) std::atomic<int64_t> left_{0};
  alignas(64) std::atomic<int64_t> pending_{0};
  const void* body_ = nullptr;
  Call call_ = nullptr;
};

}  // namespace sightline
