"""What is counted, and traced, of every answer once it is over."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from sightline.generator.v1 import generator_pb2
from sightline_common.tracing import exemplar, past_span

from sightline_generator.engine.sequence import SequenceTimes

FIRST_TOKEN_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
ANSWER_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
TOKENS = (1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_FINISHES = {
    generator_pb2.FINISH_REASON_STOP: "stop",
    generator_pb2.FINISH_REASON_LENGTH: "length",
    generator_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
_OTHER = "other"


class AnswerMetrics:
    """Histograms of whole answers; those that an error or their client ended have none."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()

        def timer(name: str, help: str, buckets: tuple[float, ...] = ANSWER_SECONDS) -> Histogram:
            return Histogram(name, help, buckets=buckets, registry=registry)

        self.first_token = timer(
            "sightline_time_to_first_token_seconds",
            "Seconds from a request's arrival to its first token.",
            FIRST_TOKEN_SECONDS,
        )
        self.whole = timer(
            "sightline_e2e_request_latency_seconds", "Seconds from arrival to the last token."
        )
        self.queue = timer(
            "sightline_request_queue_time_seconds",
            "Seconds from arrival to the first step, without those at the encoder.",
            FIRST_TOKEN_SECONDS,
        )
        self.encode = timer(
            "sightline_request_encode_time_seconds",
            "Seconds that a request with media spent on the encoder.",
            FIRST_TOKEN_SECONDS,
        )
        self.prefill = timer(
            "sightline_request_prefill_time_seconds",
            "Seconds from the first step to the first token.",
            FIRST_TOKEN_SECONDS,
        )
        self.decode = timer(
            "sightline_request_decode_time_seconds", "Seconds from the first token to the last."
        )
        self.prompt_tokens = timer(
            "sightline_request_prompt_tokens", "Tokens of a request's prompt.", TOKENS
        )
        self.generation_tokens = timer(
            "sightline_request_generation_tokens", "Tokens of a request's answers together.", TOKENS
        )
        self.successes = Counter(
            "sightline_request_success",
            "Answers that came to their end, by why they ended.",
            ["finished_reason"],
            registry=registry,
        )
        for reason in (*_FINISHES.values(), _OTHER):
            self.successes.labels(reason)  # at 0 from the start, for rates

    def observe(self, complete: generator_pb2.Complete) -> None:
        """Counts an answer."""
        timings, usage, traced = complete.timings, complete.usage, exemplar()
        first_token_s = _seconds(timings.time_to_first_token)
        decode_s = _seconds(timings.decode_time)
        self.first_token.observe(first_token_s, traced)
        self.whole.observe(first_token_s + decode_s, traced)
        self.queue.observe(_seconds(timings.queue_time), traced)
        if usage.image_token_count or usage.video_token_count:
            self.encode.observe(_seconds(timings.encode_time), traced)
        self.prefill.observe(_seconds(timings.prefill_time), traced)
        self.decode.observe(decode_s, traced)
        self.prompt_tokens.observe(usage.prompt_token_count)
        self.generation_tokens.observe(usage.completion_token_count)
        for candidate in complete.candidates:
            self.successes.labels(_FINISHES.get(candidate.finish_reason, _OTHER)).inc()


def trace_answer(times: SequenceTimes, ready: float, usage: generator_pb2.Usage) -> None:
    """Adds the spans of an answer that is over; `ready` is when it went to the engine."""
    admitted = times.admitted if times.admitted is not None else ready
    first = times.first_token if times.first_token is not None else admitted
    last = times.last_token if times.last_token is not None else first
    past_span("queue", ready, admitted)
    past_span(
        "prefill",
        admitted,
        first,
        prompt_tokens=usage.prompt_token_count,
        cached_tokens=usage.cached_token_count,
    )
    past_span("decode", first, last, completion_tokens=usage.completion_token_count)


def _seconds(duration: object) -> float:
    nanoseconds: int = duration.ToNanoseconds()  # type: ignore[attr-defined]
    return nanoseconds / 1e9
