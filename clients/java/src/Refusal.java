import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.lite.ProtoLiteUtils;
import java.util.OptionalDouble;

/** Why a call failed: gRPC's status, Sightline's reason, and when to come back. */
final class Refusal extends Exception {
  private static final Metadata.Key<com.google.rpc.Status> DETAILS =
      Metadata.Key.of(
          "grpc-status-details-bin",
          ProtoLiteUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));

  final Status.Code code;
  String reason;
  String wanted = "";
  OptionalDouble hintSeconds = OptionalDouble.empty();

  Refusal(StatusRuntimeException failure) {
    super(failure.getStatus().getDescription());
    code = failure.getStatus().getCode();
    reason = code.name();
    var details = failure.getTrailers() == null ? null : failure.getTrailers().get(DETAILS);
    if (details != null) details.getDetailsList().forEach(this::read);
  }

  private Refusal(Status.Code code, String reason, String message) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  /** A stream that ended without an error and without `complete`. */
  static Refusal cutOff() {
    var message = "The answer was cut off before its end; ask again.";
    return new Refusal(Status.Code.INTERNAL, "ANSWER_CUT_OFF", message);
  }

  /** Without a hint, RESOURCE_EXHAUSTED means a message too large; coming back would not help. */
  boolean passes() {
    return hintSeconds.isPresent() || code == Status.Code.UNAVAILABLE || code == Status.Code.DATA_LOSS;
  }

  private void read(Any detail) {
    try {
      if (detail.is(ErrorInfo.class)) {
        var info = detail.unpack(ErrorInfo.class);
        reason = info.getReason();
        wanted = info.getMetadataOrDefault("digests", "");
      } else if (detail.is(RetryInfo.class)) {
        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
        hintSeconds = OptionalDouble.of(delay.getSeconds() + delay.getNanos() / 1e9);
      }
    } catch (InvalidProtocolBufferException damaged) {
      // a detail that cannot be read tells nothing
    }
  }
}
