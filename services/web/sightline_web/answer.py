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
class Candidate:
    """What has arrived of one of the texts that an answer was asked for."""

    text: str = ""
    reasoning: str = ""
    logprobs: list[generator_pb2.TokenLogprob] = field(default_factory=list)


class Answer:
    """Everything that has arrived of one answer."""

    def __init__(
        self, started: generator_pb2.Started | None = None, candidate_count: int = 1
    ) -> None:
        self.started = started or generator_pb2.Started()
        self.candidates = [Candidate() for _ in range(candidate_count)]
        self.token_count = 0
        self.complete: generator_pb2.Complete | None = None

    def add(self, response: generator_pb2.GenerateTextResponse) -> None:
        """Takes in the next message."""
        if response.HasField("delta"):
            self._add_delta(response.delta)
        elif response.HasField("started"):
            self.started = response.started
        elif response.HasField("complete"):
            self.complete = response.complete

    def _add_delta(self, delta: generator_pb2.Delta) -> None:
        candidate = self.candidates[delta.candidate_index]
        candidate.text += delta.text
        if delta.reasoning:
            candidate.reasoning += delta.reasoning
        if delta.logprobs:
            candidate.logprobs.extend(delta.logprobs)
        self.token_count += len(delta.token_ids)

    @property
    def text(self) -> str:
        """The first candidate's text."""
        return self.candidates[0].text

    @property
    def reasoning(self) -> str:
        """The first candidate's reasoning."""
        return self.candidates[0].reasoning

    @property
    def finish_reasons(self) -> list[str]:
        """Why each candidate ended, in OpenAI's words; InternalError if they did not."""
        if self.complete is None:
            raise InternalError("The answer was cut off.")
        reasons = {each.candidate_index: each.finish_reason for each in self.complete.candidates}
        indices = range(len(self.candidates))
        return [
            FINISH_REASONS.get(reasons.get(index, generator_pb2.FINISH_REASON_STOP), "stop")
            for index in indices
        ]

    @property
    def finish_reason(self) -> str:
        """Why the first candidate ended."""
        return self.finish_reasons[0]

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
    responses: AsyncIterator[generator_pb2.GenerateTextResponse], candidate_count: int = 1
) -> Answer:
    """Reads a whole stream; raises InternalError when it has no terminal message."""
    answer = Answer(candidate_count=candidate_count)
    async for response in responses:
        answer.add(response)
    if answer.complete is None:
        raise InternalError("The answer was cut off.")
    return answer
