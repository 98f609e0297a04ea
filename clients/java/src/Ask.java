import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.util.Iterator;
import java.util.concurrent.ThreadLocalRandom;
import sightline.generator.v1.Generator.Complete;
import sightline.generator.v1.Generator.GenerateTextResponse;
import sightline.generator.v1.GeneratorServiceGrpc;
import sightline.generator.v1.GeneratorServiceGrpc.GeneratorServiceBlockingStub;

/** Asks a Sightline server about a picture and writes the answer as it comes. */
public final class Ask {
  private static final int MAX_ATTEMPTS = 5;

  private final Question question;
  private final Deadline deadline;
  private final GeneratorServiceBlockingStub stub;

  private Ask(Question question, Deadline deadline, ManagedChannel channel) {
    this.question = question;
    this.deadline = deadline;
    stub = GeneratorServiceGrpc.newBlockingStub(channel).withDeadline(deadline);
  }

  public static void main(String[] arguments) throws Exception {
    var flags = new Flags(arguments);
    var question = new Question(flags.question, flags.image, flags.cancelAfter > 0);
    var deadline = Deadline.after((long) (1000 * flags.deadlineSeconds), MILLISECONDS);
    var channel = open(flags.target);
    // A blocking stream has no cancel of its own: leaving this context ends the call.
    try (var context = Context.current().withCancellation()) {
      String ending = context.call(() -> new Ask(question, deadline, channel).run(flags.cancelAfter));
      System.out.println();
      System.err.println(ending);
    } catch (Refusal refusal) {
      System.err.printf("error: %s %s: %s%n", refusal.code, refusal.reason, refusal.getMessage());
      System.exit(1);
    } finally {
      channel.shutdown().awaitTermination(1, SECONDS);
    }
  }

  private static ManagedChannel open(String target) {
    return NettyChannelBuilder.forTarget(target)
        .usePlaintext()
        .disableRetry()
        .keepAliveTime(20, SECONDS)
        .keepAliveTimeout(10, SECONDS)
        .build();
  }

  private String run(int cancelAfter) throws Refusal, InterruptedException {
    var pieces = begin();
    try {
      return write(pieces, cancelAfter);
    } catch (StatusRuntimeException failure) {
      throw new Refusal(failure);
    }
  }

  /** Returns a stream that has started; only until then may a question be asked again. */
  private Iterator<GenerateTextResponse> begin() throws Refusal, InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        var pieces = stub.generateText(question.request());
        if (!pieces.hasNext()) throw Refusal.cutOff();
        pieces.next();
        return pieces;
      } catch (StatusRuntimeException failure) {
        var refusal = new Refusal(failure);
        if (question.addBytes(refusal.wanted)) System.err.println("wanted: " + question.digest());
        else pause(refusal, attempt);
      }
    }
  }

  /** Waits before the next attempt; throws a refusal that is final. */
  private void pause(Refusal refusal, int attempt) throws Refusal, InterruptedException {
    double hint = refusal.hintSeconds.orElse(0.25 * (1 << attempt));
    double wait = hint * ThreadLocalRandom.current().nextDouble(1.0, 1.25);
    boolean isLate = 1000 * wait >= deadline.timeRemaining(MILLISECONDS);
    if (!refusal.passes() || attempt == MAX_ATTEMPTS || isLate) throw refusal;
    System.err.printf("waiting: %.2f s (%s)%n", wait, refusal.reason);
    Thread.sleep((long) Math.ceil(1000 * wait));
  }

  /** Writes an answer as it comes and returns how it ended. */
  private static String write(Iterator<GenerateTextResponse> pieces, int cancelAfter) throws Refusal {
    for (int count = 0; pieces.hasNext(); ) {
      var piece = pieces.next();
      if (piece.hasComplete()) return ending(piece.getComplete());
      if (piece.getDelta().getText().isEmpty()) continue;
      System.out.print(piece.getDelta().getText());
      System.out.flush();
      if (++count == cancelAfter) return "cancelled after " + count + " pieces";
    }
    throw Refusal.cutOff();
  }

  private static String ending(Complete complete) {
    var reason = complete.getCandidates(0).getFinishReason().name().replace("FINISH_REASON_", "");
    return "finished: " + reason + ", " + complete.getUsage().getCompletionTokenCount() + " tokens";
  }
}
