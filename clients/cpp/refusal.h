// Why a call failed: gRPC's status, Sightline's reason, and when to come back.
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>
#include <stdexcept>
#include <string>

struct Refusal : std::runtime_error {
  // A stream that ends OK, and without its answer's end, was cut off.
  explicit Refusal(const grpc::Status& status);

  // Whether coming back may help. Without a hint, RESOURCE_EXHAUSTED means a message too large.
  bool Passes() const {
    return hint_s || code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::DATA_LOSS;
  }

  grpc::StatusCode code;
  std::string reason;
  std::string wanted;
  std::optional<double> hint_s;
};

// A status's name, for example "UNAVAILABLE".
std::string Name(grpc::StatusCode code);
