"""An answer as it grows, put together from the generator's messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sightline.generator.v1 import generator_pb2
from sightline_common.errors import InternalError

FINISH_REASONS = {
    generator_pb2.FINISH_REASON_STOP: "stop",
    generator_pb2.FINISH_REASON_LENGTH: "length",
    generator_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}


@dataclass
class Answer:
    """Everything that has arrived of one answer."""

    started: generator_pb2.Started = field(default_factory=generator_pb2.Started)
    text: str = ""
    reasoning: str = ""
    token_count: int = 0
    logprobs: list[generator_pb2.TokenLogprob] = field(default_factory=list)
    complete: generator_pb2.Complete | None = None

    def add(self, response: generator_pb2.GenerateTextResponse) -> None:
        """Takes in the next message."""
        match response.WhichOneof("payload"):
            case "started":
                self.started = response.started
            case "delta":
                self._add_delta(response.delta)
            case "complete":
                self.complete = response.complete

    def _add_delta(self, delta: generator_pb2.Delta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.token_count += len(delta.token_ids)
        self.logprobs.extend(delta.logprobs)

    @property
    def finish_reason(self) -> str:
        """Why the answer ended, in OpenAI's words; InternalError if it did not."""
        if self.complete is None:
            raise InternalError("The answer was cut off.")
        candidates = self.complete.candidates
        reason = candidates[0].finish_reason if candidates else generator_pb2.FINISH_REASON_STOP
        return FINISH_REASONS.get(reason, "stop")

    @property
    def usage(self) -> generator_pb2.Usage:
        """Token counts: final ones when the answer is complete, else those so far."""
        if self.complete is not None:
            return self.complete.usage
        return generator_pb2.Usage(
            prompt_token_count=self.started.prompt_token_count,
            cached_token_count=self.started.cached_token_count,
            image_token_count=self.started.image_token_count,
            video_token_count=self.started.video_token_count,
            completion_token_count=self.token_count,
        )


async def collect_answer(
    responses: AsyncIterator[generator_pb2.GenerateTextResponse],
) -> Answer:
    """Reads a whole stream; raises InternalError when it has no terminal message."""
    answer = Answer()
    async for response in responses:
        answer.add(response)
    if answer.complete is None:
        raise InternalError("The answer was cut off.")
    return answer
