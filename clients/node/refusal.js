// Why a call failed: gRPC's status, Sightline's reason, and when to come back.
import { status } from "@grpc/grpc-js";
import { read } from "./proto.js";

export class Refusal extends Error {
  constructor(failure) {
    super(failure.details);
    this.status = status[failure.code];
    const details = detailsOf(failure);
    this.reason = details.ErrorInfo?.reason ?? this.status;
    this.wanted = details.ErrorInfo?.metadata?.digests?.split(",") ?? [];
    this.retryAfterSeconds = seconds(details.RetryInfo?.retryDelay);
  }

  /** Returns what was thrown as a refusal. */
  static from(failure) {
    return failure instanceof Refusal ? failure : new Refusal(failure);
  }

  /** A stream that ended without an error and without `complete`. */
  static cutOff() {
    const details = "The answer was cut off before its end; ask again.";
    return Object.assign(new Refusal({ code: status.INTERNAL, details }), { reason: "ANSWER_CUT_OFF" });
  }

  /** Without a hint, RESOURCE_EXHAUSTED means a message too large; coming back would not help. */
  get passes() {
    return this.retryAfterSeconds !== undefined || ["UNAVAILABLE", "DATA_LOSS"].includes(this.status);
  }
}

function detailsOf(failure) {
  const [bytes] = failure.metadata?.get("grpc-status-details-bin") ?? [];
  const details = bytes ? read("Status", bytes).details : [];
  const known = details.map(({ type_url, value }) => [type_url.split(".").pop(), value]);
  return Object.fromEntries(
    known
      .filter(([name]) => ["ErrorInfo", "RetryInfo"].includes(name))
      .map(([name, value]) => [name, read(name, value)]),
  );
}

const seconds = (delay) => delay && (delay.seconds ?? 0) + (delay.nanos ?? 0) / 1e9;
