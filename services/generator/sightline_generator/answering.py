"""One answer: from a checked request to its last message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sightline.generator.v1 import generator_pb2
from sightline_common.errors import DeadlineError, EncoderUnavailableError
from sightline_common.request_ids import request_id

from sightline_generator.answer_metrics import AnswerMetrics, trace_answer
from sightline_generator.candidates import Candidates
from sightline_generator.chat.reasoning import AnswerReader, AnswerSyntax
from sightline_generator.conversion import (
    PromptSource,
    candidate_count,
    delta_message,
    duration_message,
    media_report,
    prompt_source,
    result_message,
    sampling_params,
    stop_params,
)
from sightline_generator.defaults import SamplingDefaults
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.sequence import FeatureSpan, Sequence
from sightline_generator.families.base import MediaKind
from sightline_generator.feature_places import FeaturePlaces
from sightline_generator.preparation import FeaturesChangedError, Preparation, PreparedPrompt

NUM_LAYOUTS = 3
"""How often a prompt is laid out anew because the features of its media changed."""


@dataclass(frozen=True)
class AnswerRules:
    """Gives what answers need besides their request."""

    defaults: SamplingDefaults
    syntax: AnswerSyntax
    token_bytes: list[bytes]
    max_model_len: int
    default_max_tokens: int
    reader_timeout_s: float


class ReaderWatch:
    """Ends what a request holds when its client leaves the answer unread for too long.

    Entered for each message while it is written; one timer watches over all of them. Leaving
    it raises DeadlineError when the message was not taken in time.
    """

    def __init__(self, held: ExitStack, timeout_s: float) -> None:
        self._held = held
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._writing_since: float | None = None
        self._gave_up = False
        self._look_after(timeout_s)
        held.callback(lambda: self._timer.cancel())

    def __enter__(self) -> None:
        self._writing_since = self._loop.time()

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        self._writing_since = None
        if self._gave_up and kind is None:
            raise DeadlineError(
                f"The answer was not read for {self._timeout_s:g} s and was ended; ask again."
            )

    def _look_after(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        since = self._writing_since
        waited_s = 0.0 if since is None else self._loop.time() - since
        if waited_s < self._timeout_s:
            self._look_after(self._timeout_s - waited_s)
        else:
            # The handler itself is stuck in its write until the client reads or goes away.
            self._gave_up = True
            self._held.close()


class Answering:
    """Prepares requests, has them computed, and tells what happens.

    At most `max_num_seqs` requests of a priority and above hold features at a time; others
    with media wait, the most urgent first, before they ask the encoder.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        preparation: Preparation,
        rules: AnswerRules,
        info: generator_pb2.GetModelInfoResponse,
        metrics: AnswerMetrics,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._preparation = preparation
        self._rules = rules
        self._info = info
        self._feature_places = FeaturePlaces(engine.max_num_seqs)

    async def responses(
        self,
        request: generator_pb2.GenerateTextRequest,
        deadline: float | None,
        arrival: float,
        held: ExitStack,
    ) -> AsyncGenerator[generator_pb2.GenerateTextResponse, None]:
        """Yields an answer's messages; `held` is closed when nobody wants them any more.

        `arrival` and `deadline` are in seconds of `time.monotonic`.
        """
        watch = ReaderWatch(held, self._rules.reader_timeout_s)
        source = prompt_source(request)
        with ExitStack() as features:
            held.callback(features.close)
            if source.media:
                await self._feature_places.acquire(request.priority)
                features.callback(self._feature_places.release, request.priority)
            sequence, prepared = await self._ready_sequence(request, source)
            candidates = self._candidates(request, prepared, sequence)
            ready = time.monotonic()
            text_only = not request.token_ids_wanted
            updates = candidates.updates(self._engine, deadline, held, text_only=text_only)
            async for index, update in updates:
                if update.features_wanted:
                    await self._provide(update.sequence, prepared)
                if update.token_ids:
                    features.close()
                for message in self._messages(request, index, update, prepared):
                    with watch:
                        yield message
        complete = _complete(candidates, prepared, arrival)
        self._metrics.observe(complete)
        trace_answer(candidates.first.times, ready, complete.usage)
        with watch:
            yield generator_pb2.GenerateTextResponse(complete=complete)

    def _messages(
        self,
        request: generator_pb2.GenerateTextRequest,
        index: int,
        update: SequenceUpdate,
        prepared: PreparedPrompt,
    ) -> Iterator[generator_pb2.GenerateTextResponse]:
        if update.started and index == 0:
            started = self._started(update.sequence, prepared)
            yield generator_pb2.GenerateTextResponse(started=started)
        token_bytes, ids_wanted = self._rules.token_bytes, request.token_ids_wanted
        delta = delta_message(index, update, token_bytes, token_ids_wanted=ids_wanted)
        if delta is not None:
            yield generator_pb2.GenerateTextResponse(delta=delta)

    async def _ready_sequence(
        self, request: generator_pb2.GenerateTextRequest, source: PromptSource
    ) -> tuple[Sequence, PreparedPrompt]:
        """Prepares a request; only features that the prefix cache seems to lack are fetched."""
        for _ in range(NUM_LAYOUTS):
            prepared = await self._preparation.prepare(source)
            sequence = self._sequence(request, prepared, prepared.take_feature_spans())
            num_cached = self._engine.num_cached_tokens(sequence)
            lacking = sequence.spans_without_features(num_cached)
            try:
                features = await self._preparation.fetch(prepared, lacking)
            except FeaturesChangedError:
                continue
            for index, given in features.items():
                sequence.feature_spans[index].features = given
            return sequence, prepared
        raise _unsteady_features()

    async def _provide(self, sequence: Sequence, prepared: PreparedPrompt) -> None:
        """Fetches what the prefix cache lost between preparation, or preemption, and start."""
        lacking = sequence.spans_without_features(0)
        try:
            features = await self._preparation.fetch(prepared, lacking)
        except FeaturesChangedError:
            raise _unsteady_features() from None
        self._engine.provide(sequence, features)

    def _candidates(
        self,
        request: generator_pb2.GenerateTextRequest,
        prepared: PreparedPrompt,
        first: Sequence,
    ) -> Candidates:
        """Returns all candidates; they share the features as they stand."""
        others = [
            self._sequence(request, prepared, _copied(first.feature_spans), index)
            for index in range(1, candidate_count(request))
        ]
        return Candidates([first, *others])

    def _sequence(
        self,
        request: generator_pb2.GenerateTextRequest,
        prepared: PreparedPrompt,
        feature_spans: list[FeatureSpan],
        candidate_index: int = 0,
    ) -> Sequence:
        rules, prompt = self._rules, prepared.prompt
        left = rules.max_model_len - prepared.num_tokens
        asked = request.stop
        bound = asked.max_token_count if asked.HasField("max_token_count") else None
        max_tokens = min(left, rules.default_max_tokens if bound is None else bound)
        thinking = rules.syntax.thought_is_open(prompt.token_ids)
        return Sequence(
            prompt_token_ids=prompt.token_ids,
            position_ids=prompt.positions.position_ids,
            position_delta=prompt.positions.delta,
            sampling=sampling_params(request, rules.defaults, candidate_index),
            stop=stop_params(asked, rules.defaults, max_tokens),
            reader=AnswerReader(
                rules.syntax,
                rules.token_bytes,
                thinking=thinking,
                continued=request.continue_final_message,
            ),
            feature_spans=feature_spans,
            priority=request.priority,
            adapter=request.adapter,
            salt=request.cache_salt,
            request_id=request_id.get(),
        )

    def _started(self, sequence: Sequence, prepared: PreparedPrompt) -> generator_pb2.Started:
        # A video has several ranges and is reported once.
        indices = list(dict.fromkeys(prepared.prompt.media_indices))
        media = [prepared.media[index] for index in indices]
        encoded = [prepared.encoded[index] for index in indices]
        return generator_pb2.Started(
            prompt_token_count=prepared.num_tokens,
            cached_token_count=sequence.num_reused_tokens,
            image_token_count=prepared.num_feature_tokens(MediaKind.IMAGE),
            video_token_count=prepared.num_feature_tokens(MediaKind.VIDEO),
            max_token_count=sequence.stop.max_tokens,
            model=self._info.model,
            checkpoint_fingerprint=self._info.checkpoint_fingerprint,
            media=map(media_report, media, encoded),
        )


def _copied(spans: list[FeatureSpan]) -> list[FeatureSpan]:
    return [replace(span) for span in spans]


def _unsteady_features() -> EncoderUnavailableError:
    return EncoderUnavailableError(
        "The encoder keeps changing its features of a medium; try again.", retry_after_s=1.0
    )


def _complete(
    candidates: Candidates, prepared: PreparedPrompt, arrival: float
) -> generator_pb2.Complete:
    usage = generator_pb2.Usage(
        prompt_token_count=prepared.num_tokens,
        cached_token_count=candidates.first.num_reused_tokens,
        image_token_count=prepared.num_feature_tokens(MediaKind.IMAGE),
        video_token_count=prepared.num_feature_tokens(MediaKind.VIDEO),
        completion_token_count=sum(each.num_generated_tokens for each in candidates),
        reasoning_token_count=sum(each.reader.num_reasoning_tokens for each in candidates),
    )
    return generator_pb2.Complete(
        candidates=[result_message(*ended) for ended in sorted(candidates.finishes.items())],
        usage=usage,
        timings=_timings(candidates, prepared.encode_s, arrival),
    )


def _timings(candidates: Candidates, encode_s: float, arrival: float) -> generator_pb2.Timings:
    times = candidates.first.times
    admitted = times.admitted if times.admitted is not None else arrival
    first = times.first_token if times.first_token is not None else admitted
    last = max(each.times.last_token or first for each in candidates)
    return generator_pb2.Timings(
        queue_time=duration_message(admitted - arrival - encode_s),
        encode_time=duration_message(encode_s),
        prefill_time=duration_message(first - admitted),
        decode_time=duration_message(last - first),
        time_to_first_token=duration_message(first - arrival),
    )
