// Asks a Sightline server about a picture and writes the answer as it comes.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

#include "flags.h"
#include "question.h"
#include "refusal.h"
#include "sightline/generator/v1/generator.grpc.pb.h"

using namespace sightline::generator::v1;
using Clock = std::chrono::system_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kMaxAttempts = 5;
constexpr int kMaxMessageBytes = 32 << 20;

// A stream that has started, and the context that cancels it.
struct Stream {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<GenerateTextResponse>> reader;
};

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target) {
  grpc::ChannelArguments options;
  options.SetMaxSendMessageSize(kMaxMessageBytes);
  options.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  options.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  options.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), options);
}

// Waits before the next attempt; throws a refusal that is final.
void Pause(const Refusal& refusal, int attempt, Clock::time_point deadline) {
  static std::mt19937 random{std::random_device{}()};
  const double hint_s = refusal.hint_s.value_or(0.25 * (1 << attempt));
  const Seconds wait(hint_s * std::uniform_real_distribution(1.0, 1.25)(random));
  if (!refusal.Passes() || attempt == kMaxAttempts || Clock::now() + wait >= deadline) throw refusal;
  std::fprintf(stderr, "waiting: %.2f s (%s)\n", wait.count(), refusal.reason.c_str());
  std::this_thread::sleep_for(wait);
}

// Returns a stream that has started; only until then may a question be asked again.
std::unique_ptr<Stream> Ask(GeneratorService::Stub& stub, Question& question, Clock::time_point deadline) {
  for (int attempt = 1;; ++attempt) {
    auto stream = std::make_unique<Stream>();
    stream->context.set_deadline(deadline);
    stream->reader = stub.GenerateText(&stream->context, question.request());
    GenerateTextResponse started;
    if (stream->reader->Read(&started)) return stream;
    const Refusal refusal(stream->reader->Finish());
    if (question.AddBytes(refusal.wanted)) {
      std::cerr << "wanted: " << question.digest() << "\n";
    } else {
      Pause(refusal, attempt, deadline);
    }
  }
}

std::string Ending(const Complete& complete) {
  const auto reason = FinishReason_Name(complete.candidates(0).finish_reason());
  return "finished: " + reason.substr(std::string("FINISH_REASON_").size()) + ", " +
         std::to_string(complete.usage().completion_token_count()) + " tokens";
}

// Writes an answer as it comes and returns how it ended.
std::string Write(Stream& stream, int cancel_after) {
  int count = 0;
  for (GenerateTextResponse piece; stream.reader->Read(&piece);) {
    if (piece.has_complete()) return Ending(piece.complete());
    if (piece.delta().text().empty()) continue;
    std::cout << piece.delta().text() << std::flush;
    if (++count == cancel_after) {
      stream.context.TryCancel();
      stream.reader->Finish();
      return "cancelled after " + std::to_string(count) + " pieces";
    }
  }
  throw Refusal(stream.reader->Finish());
}

int main(int count, char** words) try {
  const Flags flags(count, words);
  const auto limit = std::chrono::duration_cast<Clock::duration>(Seconds(flags.deadline_s));
  const auto deadline = Clock::now() + limit;
  Question question(flags.question, flags.image, flags.cancel_after > 0);
  const auto stub = GeneratorService::NewStub(OpenChannel(flags.target));
  const auto ending = Write(*Ask(*stub, question, deadline), flags.cancel_after);
  std::cout << std::endl;
  std::cerr << ending << std::endl;
} catch (const Refusal& refusal) {
  std::cerr << "error: " << Name(refusal.code) << " " << refusal.reason << ": " << refusal.what() << std::endl;
  return 1;
} catch (const std::exception& failure) {
  std::cerr << "error: " << failure.what() << std::endl;
  return 1;
}
