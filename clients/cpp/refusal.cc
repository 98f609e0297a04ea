#include "refusal.h"

#include "google/rpc/error_details.pb.h"

Refusal::Refusal(const grpc::Status& status)
    : std::runtime_error(status.ok() ? "The answer was cut off before its end; ask again." : status.error_message()),
      code(status.ok() ? grpc::StatusCode::INTERNAL : status.error_code()),
      reason(status.ok() ? "ANSWER_CUT_OFF" : Name(code)) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      reason = info.reason();
      wanted = info.metadata().count("digests") ? info.metadata().at("digests") : "";
    } else if (detail.UnpackTo(&retry)) {
      hint_s = retry.retry_delay().seconds() + retry.retry_delay().nanos() / 1e9;
    }
  }
}

std::string Name(grpc::StatusCode code) {
  static const char* const names[] = {
      "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
      "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
      "UNAUTHENTICATED"};
  return names[code];
}
