"""An answer as it grows, apart from how it travels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sightline.client.cancellation import Cancellation
from sightline.client.errors import SightlineError, cut_off_error
from sightline.client.message import Message, assistant
from sightline.generator.v1 import generator_pb2


@dataclass
class ToolCall:
    """A function that the model wants called; `arguments_json` grows with the stream."""

    id: str = ""
    name: str = ""
    arguments_json: str = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments; raises ValueError while they are incomplete."""
        loaded: dict[str, Any] = json.loads(self.arguments_json or "{}")
        return loaded

    def to_proto(self) -> generator_pb2.ToolCall:
        call = generator_pb2.ToolCall(id=self.id, name=self.name)
        call.arguments.update(self.arguments)
        return call


class GrowingAnswer:
    """What came so far, and what its end said."""

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self._asked = messages
        self.text = ""
        self.reasoning = ""
        self.tool_calls: list[ToolCall] = []
        self.started: generator_pb2.Started | None = None
        """Token counts of the prompt, and what became of each medium."""
        self.complete: generator_pb2.Complete | None = None
        """Usage and timings; None unless the answer came to its end."""
        self._cancellation = Cancellation()

    @property
    def finish_reason(self) -> str:
        """ "STOP", "LENGTH" or "TOOL_CALLS"; empty unless the answer came to its end."""
        if self.complete is None:
            return ""
        reason = self.complete.candidates[0].finish_reason
        return generator_pb2.FinishReason.Name(reason).removeprefix("FINISH_REASON_")

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation with this answer, to be the `history` of the next question."""
        calls = [call.to_proto() for call in self.tool_calls]
        return (*self._asked, assistant(self.text, tool_calls=calls))

    def cancel(self) -> None:
        """Ends the answer, whatever it is at, from any thread; reading it ends quietly then.

        Does nothing once the answer is complete.
        """
        self._cancellation.ask()

    def _fail(self, error: SightlineError) -> None:
        """Raises the error, unless it is what cancelling comes to."""
        if not self._cancellation.is_asked:
            raise error from None

    def _end(self) -> None:
        """Notes that nothing more comes; raises AnswerCutOffError where more should have."""
        if self.complete is None:
            self._fail(cut_off_error())

    def _absorb(self, response: generator_pb2.GenerateTextResponse) -> generator_pb2.Delta | None:
        """Notes a piece; returns it if it is new text."""
        match response.WhichOneof("payload"):
            case "started":
                self.started = response.started
            case "complete":
                self.complete = response.complete
            case "delta":
                self._grow(response.delta)
                return response.delta
        return None

    def _grow(self, delta: generator_pb2.Delta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        for piece in delta.tool_calls:
            while len(self.tool_calls) <= piece.call_index:
                self.tool_calls.append(ToolCall())
            call = self.tool_calls[piece.call_index]
            call.id, call.name = piece.id or call.id, piece.name or call.name
            call.arguments_json += piece.arguments_json
