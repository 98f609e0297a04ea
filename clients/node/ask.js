// node ask.js --target HOST:PORT --image FILE [--deadline S] [--cancel-after N] QUESTION
import { credentials } from "@grpc/grpc-js";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { GeneratorService } from "./proto.js";
import { Question } from "./question.js";
import { Refusal } from "./refusal.js";

const MAX_ATTEMPTS = 5;
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string", default: "127.0.0.1:50052" },
    image: { type: "string" },
    deadline: { type: "string", default: "60" },
    "cancel-after": { type: "string", default: "0" },
  },
});
const cancelAfter = Number(flags["cancel-after"]);
const deadline = Date.now() + 1000 * Number(flags.deadline);
const question = new Question(positionals.join(" "), flags.image);
const client = new GeneratorService(flags.target, credentials.createInsecure(), {
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.enable_retries": 0,
});

/** Returns a stream that has started; only until then may a question be asked again. */
async function begin() {
  const call = client.GenerateText(question.request(cancelAfter > 0), { deadline });
  const pieces = call[Symbol.asyncIterator]();
  const { done } = await pieces.next();
  if (done) throw Refusal.cutOff();
  return { call, pieces };
}

/** Writes an answer as it comes; returns how it ended. */
async function write({ call, pieces }) {
  let count = 0;
  for await (const { delta, complete } of pieces) {
    if (complete) {
      const reason = complete.candidates[0].finishReason.replace("FINISH_REASON_", "");
      return `finished: ${reason}, ${complete.usage.completionTokenCount} tokens`;
    }
    if (!delta?.text) continue;
    process.stdout.write(delta.text);
    if (++count === cancelAfter) {
      call.on("error", () => {}); // cancelling ends the call with an error
      call.cancel();
      return `cancelled after ${count} pieces`;
    }
  }
  throw Refusal.cutOff();
}

/** Returns how long to wait before asking again; throws a refusal that is final. */
function pause(refusal, attempt) {
  const seconds = (refusal.retryAfterSeconds ?? 2 ** (attempt - 2)) * (1 + Math.random() / 4);
  const isLate = Date.now() + 1000 * seconds >= deadline;
  if (!refusal.passes || attempt === MAX_ATTEMPTS || isLate) throw refusal;
  console.error(`waiting: ${seconds.toFixed(2)} s (${refusal.reason})`);
  return 1000 * seconds;
}

async function ask() {
  for (let attempt = 1; ; attempt++) {
    try {
      return await begin();
    } catch (failure) {
      const refusal = Refusal.from(failure);
      if (question.addBytes(refusal.wanted)) console.error(`wanted: ${question.media.digest}`);
      else await sleep(pause(refusal, attempt));
    }
  }
}

try {
  const end = await write(await ask());
  console.log();
  console.error(end);
} catch (failure) {
  const refusal = Refusal.from(failure);
  console.error(`error: ${refusal.status} ${refusal.reason}: ${refusal.message}`);
  process.exitCode = 1;
}
client.close();
