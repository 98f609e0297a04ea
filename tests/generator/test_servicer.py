import asyncio
import time

import grpc
import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    DeadlineError,
    EngineFailedError,
    FieldInvalidError,
    MediaBytesRequiredError,
    MediaDigestError,
    MediaEmptyError,
    MediaTooLargeError,
    MediaUnreadableError,
    PromptTooLongError,
    QueueFullError,
    StreamOrderError,
)
from sightline_common.status import error_from_rpc

from tests.generator.running_generator import running_generator

PICTURE = b"a picture's bytes"
DIGEST = sha256_digest(PICTURE)
ENDLESS = pb.StopOptions(max_token_count=900, end_ignored=True)
LONG = pb.StopOptions(max_token_count=300, end_ignored=True)


@pytest.fixture
async def generator(tiny_folder):
    async with running_generator(tiny_folder) as running:
        yield running


def user(*parts):
    given = [pb.Part(text=part) if isinstance(part, str) else part for part in parts]
    return pb.Message(role=pb.ROLE_USER, parts=given)


def picture(data=PICTURE, digest=""):
    return pb.Part(media=pb.Media(data=data, digest=digest))


def ask(*parts, max_tokens=8, **fields):
    fields.setdefault("stop", pb.StopOptions(max_token_count=max_tokens, end_ignored=True))
    return pb.GenerateTextRequest(messages=[user(*parts)], **fields)


async def answer(generator, request, **options):
    return [response async for response in generator.stub.GenerateText(request, **options)]


async def refusal(generator, request, error, **options):
    with pytest.raises(aio.AioRpcError) as caught:
        await answer(generator, request, **options)
    refused = error_from_rpc(caught.value)
    assert type(refused) is error
    await generator.until_idle()
    return refused


def text_of(responses):
    return "".join(response.delta.text for response in responses)


def token_ids_of(responses):
    return [token for response in responses for token in response.delta.token_ids]


async def test_answer_is_started_deltas_and_one_complete(generator):
    responses = await answer(generator, ask("Hello"))
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds[0] == "started"
    assert set(kinds[1:-1]) == {"delta"}
    assert kinds[-1] == "complete"
    (candidate,) = responses[-1].complete.candidates
    assert candidate.finish_reason == pb.FINISH_REASON_LENGTH


async def test_started_and_usage_count_the_prompts_tokens(generator):
    responses = await answer(generator, ask("See", picture(), picture(), "this"))
    started, usage = responses[0].started, responses[-1].complete.usage
    assert started.image_token_count == usage.image_token_count == 12
    assert started.prompt_token_count == usage.prompt_token_count > 12
    assert (started.max_token_count, usage.completion_token_count) == (8, 8)
    assert started.model == "tiny"
    assert [medium.digest for medium in started.media] == [DIGEST, DIGEST]
    assert {medium.token_count for medium in started.media} == {6}


async def test_timings_are_those_of_the_request(generator):
    complete = (await answer(generator, ask(picture(), "x")))[-1].complete
    timings = complete.timings
    for part in (timings.encode_time, timings.prefill_time, timings.decode_time):
        assert part.ToNanoseconds() > 0
    total = timings.time_to_first_token.ToNanoseconds()
    assert total >= timings.encode_time.ToNanoseconds() + timings.prefill_time.ToNanoseconds()


async def test_same_picture_twice_in_a_request_is_fetched_once(generator):
    await answer(generator, ask(picture(), picture(), "x"))
    assert len(generator.encoder.headers) == 1


async def test_token_ids_come_when_wanted_and_text_is_theirs(generator):
    responses = await answer(generator, ask("Hello", token_ids_wanted=True))
    assert len(token_ids_of(responses)) == 8
    assert not token_ids_of(await answer(generator, ask("Hello")))


async def test_greedy_answer_is_the_same_again_and_in_company(generator):
    alone = await answer(generator, ask("Hello", token_ids_wanted=True))
    requests = [ask(text, token_ids_wanted=True) for text in ("Hello", "你好", "x", "Hello")]
    together = await asyncio.gather(*(answer(generator, request) for request in requests))
    assert token_ids_of(together[0]) == token_ids_of(together[3]) == token_ids_of(alone)
    assert token_ids_of(together[1]) != token_ids_of(alone)


async def test_seed_repeats_a_sampled_answer_and_no_seed_does_not(generator):
    def sampled(**seed):
        sampling = pb.SamplingOptions(temperature=2.0, **seed)
        return ask("Hello", max_tokens=20, sampling=sampling, token_ids_wanted=True)

    first, again = [token_ids_of(await answer(generator, sampled(seed=1))) for _ in range(2)]
    fresh, other = [token_ids_of(await answer(generator, sampled())) for _ in range(2)]
    assert first == again
    assert fresh != other


def candidates_of(responses):
    tokens = {}
    for response in responses:
        if response.HasField("delta"):
            ids = tokens.setdefault(response.delta.candidate_index, [])
            ids.extend(response.delta.token_ids)
    return [tokens[index] for index in sorted(tokens)]


def several(count, *parts, seed=7, **fields):
    sampling = pb.SamplingOptions(temperature=2.0, seed=seed)
    return ask(*parts, candidate_count=count, sampling=sampling, token_ids_wanted=True, **fields)


async def test_candidates_are_what_their_seeds_give_alone(generator):
    responses = await answer(generator, several(3, "Hello", picture()))
    alone = [
        token_ids_of(await answer(generator, several(1, "Hello", picture(), seed=seed)))
        for seed in (7, 8, 9)
    ]
    assert candidates_of(responses) == alone
    assert [kind.WhichOneof("payload") for kind in responses].count("started") == 1
    complete = responses[-1].complete
    assert [each.candidate_index for each in complete.candidates] == [0, 1, 2]
    assert complete.usage.completion_token_count == 24


async def test_candidates_share_the_prompt_and_its_features(generator):
    words = "word " * 30
    await answer(generator, several(4, words, picture()))
    await generator.until_idle()
    assert len(generator.encoder.headers) == 1


async def test_candidates_all_take_places_and_give_them_back(generator):
    with pytest.raises(aio.AioRpcError):
        await answer(generator, several(17, "Hello"))
    call = generator.stub.GenerateText(several(3, "Hello", stop=ENDLESS))
    await anext(aiter(call))
    load = await generator.stub.GetLoad(pb.GetLoadRequest())
    assert load.waiting_count + load.running_count == 3
    call.cancel()
    await generator.until_idle()


async def test_statistics_count_tokens_and_what_the_prefix_cache_spared(generator):
    question = ask("word " * 60)
    usages = [(await answer(generator, question))[-1].complete.usage for _ in range(2)]
    told = await generator.stub.GetStatistics(pb.GetStatisticsRequest())
    assert told.generated_token_count == sum(usage.completion_token_count for usage in usages)
    assert told.prompt_token_count == sum(usage.prompt_token_count for usage in usages)
    assert told.prefix_hit_token_count == usages[1].cached_token_count > 0
    assert told.prefix_query_token_count == told.prompt_token_count
    (encoder,) = told.encoders
    assert encoder.target and not encoder.HasField("cache"), "the scripted encoder tells nothing"


async def test_largest_seed_has_candidates_too(generator):
    responses = await answer(generator, several(2, "Hello", seed=2**63 - 1))
    assert len(candidates_of(responses)) == 2


async def test_stop_string_is_reported_and_not_shown(generator):
    whole = text_of(await answer(generator, ask("Hello")))
    stop = pb.StopOptions(max_token_count=8, end_ignored=True, strings=[whole[2:5]])
    responses = await answer(generator, ask("Hello", stop=stop))
    (candidate,) = responses[-1].complete.candidates
    assert text_of(responses) == whole[: whole.index(whole[2:5])]
    assert candidate.finish_reason == pb.FINISH_REASON_STOP
    assert candidate.stop_string == whole[2:5]


async def test_end_token_of_the_checkpoint_ends_unless_ignored(generator):
    ids = token_ids_of(await answer(generator, ask("Hello", token_ids_wanted=True)))
    stop = pb.StopOptions(max_token_count=8, token_ids=[ids[2]], end_ignored=True)
    responses = await answer(generator, ask("Hello", stop=stop, token_ids_wanted=True))
    assert token_ids_of(responses) == ids[: ids.index(ids[2]) + 1]


async def test_media_first_changes_the_order_within_a_message(generator):
    after = ask("text", picture(), token_ids_wanted=True)
    before = ask(picture(), "text", token_ids_wanted=True)
    moved = ask("text", picture(), token_ids_wanted=True, media_first=True)
    answers = [token_ids_of(await answer(generator, asked)) for asked in (after, before, moved)]
    assert answers[2] == answers[1] != answers[0]


async def test_logprobs_describe_every_token(generator):
    asked = ask("Hello", logprobs=pb.LogprobOptions(alternative_count=3), token_ids_wanted=True)
    responses = await answer(generator, asked)
    logprobs = [entry for response in responses for entry in response.delta.logprobs]
    assert [entry.token_id for entry in logprobs] == token_ids_of(responses)
    for entry in logprobs:
        best = [alternative.logprob for alternative in entry.alternatives]
        assert len(best) == 3
        assert entry.logprob == best[0] == max(best) <= 0


async def test_unknown_digests_are_listed_together(generator):
    digests = [sha256_digest(name) for name in (b"one", b"two")]
    parts = [picture(b"", digest) for digest in digests]
    refused = await refusal(generator, ask(*parts, picture(), "x"), MediaBytesRequiredError)
    assert refused.metadata["digests"].split(",") == digests


async def test_digest_alone_suffices_once_the_encoder_knows_it(generator):
    first = await answer(generator, ask(picture(), "x", token_ids_wanted=True))
    again = await answer(generator, ask(picture(b"", DIGEST), "x", token_ids_wanted=True))
    assert token_ids_of(first) == token_ids_of(again)


async def test_bytes_that_are_not_the_digests_are_refused(generator):
    wrong = picture(PICTURE, sha256_digest(b"other"))
    refused = await refusal(generator, ask("x", wrong), MediaDigestError)
    assert refused.field == "messages[0].parts[1].media"
    assert generator.encoder.headers == []


async def test_refusal_of_the_encoder_reaches_the_client_with_its_field(generator):
    def unreadable():
        raise MediaUnreadableError("The file is cut off.")

    generator.encoder.answer = unreadable
    refused = await refusal(generator, ask("x", picture()), MediaUnreadableError)
    assert refused.field == "messages[0].parts[1].media"


async def test_too_long_prompt_names_both_numbers_and_asks_no_encoder(generator):
    refused = await refusal(generator, ask("word " * 2000, picture()), PromptTooLongError)
    assert int(refused.metadata["prompt_token_count"]) > 2000
    assert refused.metadata["max_prompt_token_count"] == "1599"
    assert generator.encoder.headers == []


async def test_invalid_field_is_refused_and_the_next_request_works(generator):
    nan = ask("x", sampling=pb.SamplingOptions(temperature=float("nan")))
    refused = await refusal(generator, nan, FieldInvalidError)
    assert refused.field == "sampling.temperature"
    assert text_of(await answer(generator, ask("x")))


async def test_cancelled_call_frees_its_blocks(generator):
    call = generator.stub.GenerateText(ask("Hello", stop=ENDLESS))
    await call.read()
    await call.read()
    assert (await generator.load()).running_count == 1
    call.cancel()
    await generator.until_idle()
    assert generator.submitted[0].num_generated_tokens < ENDLESS.max_token_count


async def test_call_cancelled_while_features_are_fetched_leaves_nothing(generator):
    generator.encoder.release.clear()
    call = generator.stub.GenerateText(ask(picture(), "Hello"))
    reading = asyncio.ensure_future(call.read())
    while not generator.encoder.headers:
        await asyncio.sleep(0.001)
    assert (await generator.load()).waiting_count == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await generator.until_idle()


async def test_client_that_leaves_while_a_write_is_blocked_gives_its_slot_back(generator):
    logprobs = pb.LogprobOptions(alternative_count=20)
    narrow = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 0)]
    target = f"127.0.0.1:{generator.port}"
    async with aio.insecure_channel(target, options=narrow) as channel:
        stub = generator_pb2_grpc.GeneratorServiceStub(channel)
        call = stub.GenerateText(ask("Hello", stop=LONG, logprobs=logprobs))
        await call.read()
        # The engine finishes whether or not anybody reads; the handler cannot.
        while (await generator.load()).running_count:
            await asyncio.sleep(0.01)
        assert (await generator.load()).waiting_count == 1
        call.cancel()
        await generator.until_idle()


def take_time(engine):
    """Has every step take milliseconds, however fast the machine is."""
    step = engine.step

    def slow_step():
        time.sleep(0.005)
        return step()

    engine.step = slow_step


async def test_deadline_frees_its_blocks(generator):
    take_time(generator.engine._engine)
    with pytest.raises(aio.AioRpcError) as caught:
        await answer(generator, ask("Hello", stop=ENDLESS), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await generator.until_idle()
    assert generator.submitted[0].num_generated_tokens < ENDLESS.max_token_count


async def test_full_server_refuses_before_it_asks_the_encoder(tiny_folder):
    async with running_generator(tiny_folder, max_num_seqs=1, queue_limit=0) as generator:
        call = generator.stub.GenerateText(ask("Hello", stop=ENDLESS))
        await call.read()
        with pytest.raises(aio.AioRpcError) as caught:
            await answer(generator, ask(picture(), "x"))
        refused = error_from_rpc(caught.value)
        assert isinstance(refused, QueueFullError)
        assert refused.retry_after_s
        assert generator.encoder.headers == []
        call.cancel()
        await generator.until_idle()
        assert text_of(await answer(generator, ask("x")))


async def test_failed_request_ends_typed_and_its_neighbour_is_untouched(generator):
    undisturbed = token_ids_of(await answer(generator, ask("Hello", token_ids_wanted=True)))
    runner = generator.engine._engine._runner
    run = runner.run

    def poisoned(chunks):
        logits = run(chunks).clone()
        for row, chunk in zip(logits, (c for c in chunks if c.completes), strict=True):
            if chunk.sequence.priority == 7:
                row[0] = float("nan")
        return logits

    runner.run = poisoned
    neighbour = asyncio.ensure_future(answer(generator, ask("Hello", token_ids_wanted=True)))
    with pytest.raises(aio.AioRpcError) as caught:
        await answer(generator, ask("你好", priority=7))
    assert isinstance(error_from_rpc(caught.value), EngineFailedError)
    assert token_ids_of(await neighbour) == undisturbed


def put(data, chunk_bytes=4, **header):
    fields = {"byte_count": len(data), **header}
    yield pb.PutMediaRequest(header=pb.PutMediaHeader(**fields))
    for start in range(0, len(data), chunk_bytes):
        yield pb.PutMediaRequest(chunk=data[start : start + chunk_bytes])


async def test_stored_file_is_found_by_its_digest(generator):
    stored = await generator.stub.PutMedia(put(PICTURE))
    assert stored.digest == DIGEST
    assert stored.expire_time.seconds > 0
    await answer(generator, ask(picture(b"", DIGEST), "x"))
    assert generator.encoder.uploads == [PICTURE]


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (lambda: put(PICTURE, digest=sha256_digest(b"other")), MediaDigestError),
        (lambda: put(PICTURE, byte_count=5), FieldInvalidError),
        (lambda: put(PICTURE, byte_count=500), FieldInvalidError),
        (lambda: put(b""), MediaEmptyError),
        (lambda: put(b"", byte_count=1001), MediaTooLargeError),
        (lambda: put(PICTURE, digest="nonsense"), FieldInvalidError),
        (lambda: put(PICTURE, kind=9), FieldInvalidError),
        (lambda: list(put(PICTURE))[1:], StreamOrderError),
        (lambda: list(put(PICTURE)) + list(put(PICTURE)), (StreamOrderError, FieldInvalidError)),
        (lambda: [], StreamOrderError),
    ],
    ids=range(10),
)
async def test_wrong_upload_is_refused(generator, stream, error):
    with pytest.raises(aio.AioRpcError) as caught:
        await generator.stub.PutMedia(iter(stream()))
    assert isinstance(error_from_rpc(caught.value), error)


async def test_refusal_reaches_a_client_that_is_still_sending(generator, monkeypatch):
    # Unheard, an asyncio client sees INTERNAL some four times in a hundred.
    for bound in ("HEAR_OUT_PAUSE_S", "HEAR_OUT_TIMEOUT_S"):  # however busy the machine is
        monkeypatch.setattr(f"sightline_common.interceptors.{bound}", 60.0)

    async def chunks():
        for _ in range(64):
            await asyncio.sleep(0)
            yield pb.PutMediaRequest(chunk=bytes(60_000))

    for _ in range(100):
        with pytest.raises(aio.AioRpcError) as caught:
            await generator.stub.PutMedia(chunks())
        assert isinstance(error_from_rpc(caught.value), StreamOrderError)


async def test_upload_that_stalls_gives_its_room_back(generator, monkeypatch):
    monkeypatch.setattr("sightline_generator.upload.UPLOAD_TIMEOUT_S", 0.1)
    call = generator.stub.PutMedia()
    await call.write(next(put(PICTURE, byte_count=1000)))
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    assert isinstance(error_from_rpc(caught.value), DeadlineError)
    assert (await generator.stub.PutMedia(put(PICTURE))).digest == DIGEST


async def test_count_tokens_counts_what_started_reports(generator):
    asked = ask("See", picture(), "this")
    count = await generator.stub.CountTokens(pb.CountTokensRequest(messages=asked.messages))
    started = (await answer(generator, asked))[0].started
    assert count.prompt_token_count == started.prompt_token_count
    assert count.image_token_count == started.image_token_count == 6


async def test_model_info_describes_what_runs(generator):
    info = await generator.stub.GetModelInfo(pb.GetModelInfoRequest())
    assert (info.model, info.architecture) == ("tiny", "glm4v")
    assert info.attention in ("paged-cpu", "sdpa")
    assert (info.block_token_count, info.block_count) == (16, 100)
    assert info.max_token_count == 1600
    assert info.checkpoint_fingerprint == generator.model.fingerprint
    assert list(info.media_kinds) == [media_pb2.MEDIA_KIND_IMAGE]
    assert info.default_sampling.HasField("temperature")
    assert info.thinking_supported


async def test_thinking_opens_with_the_template_and_is_counted(generator):
    plain = await answer(generator, ask("x", thinking=False))
    thinking = await answer(generator, ask("x", thinking=True))
    started = [responses[0].started.prompt_token_count for responses in (plain, thinking)]
    assert started[0] > started[1]
