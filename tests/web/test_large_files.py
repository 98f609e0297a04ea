"""Files that exceed a message go ahead of it, against a real gRPC server in this process."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import MediaBytesRequiredError, MediaTooLargeError, QueueFullError
from sightline_common.server import GrpcServer, ServerOptions
from sightline_web.generator_client import MAX_UPLOADS, GrpcGenerator

from tests.web.fakes import complete, started

MESSAGE_BYTES = 2 * 2**20
LARGE, SECOND, SMALL = b"L" * (3 * 2**20), b"M" * (2**20), b"s" * 2**19


class ForgetfulServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """Refuses digests whose files it has not stored, and forgets those it is told to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.uploads: list[generator_pb2.PutMediaHeader] = []
        self.chunk_sizes: list[int] = []
        self.requests: list[generator_pb2.GenerateTextRequest] = []
        self.num_forgotten = 0
        self.full = False

    async def PutMedia(self, request_iterator, context):
        messages = [message async for message in request_iterator]
        header = messages[0].header
        self.uploads.append(header)
        self.chunk_sizes += [len(message.chunk) for message in messages[1:]]
        if self.full:
            raise QueueFullError("Too many uploads at once; try again.", retry_after_s=1.0)
        data = b"".join(message.chunk for message in messages[1:])
        self.files[f"sha256:{hashlib.sha256(data).hexdigest()}"] = data
        return generator_pb2.PutMediaResponse(digest=header.digest)

    async def GenerateText(self, request, context):
        self.requests.append(request)
        if self.num_forgotten:
            self.num_forgotten -= 1
            self.files.clear()
        media = [part.media for message in request.messages for part in message.parts]
        missing = [each.digest for each in media if not each.data and each.digest not in self.files]
        if missing:
            metadata = {"digests": ",".join(dict.fromkeys(missing))}
            raise MediaBytesRequiredError("Bytes are needed.", metadata=metadata)
        yield started()
        yield complete()


@pytest.fixture
def servicer() -> ForgetfulServicer:
    return ForgetfulServicer()


@pytest.fixture
async def client(servicer: ForgetfulServicer) -> AsyncIterator[GrpcGenerator]:
    def register(grpc_server: aio.Server) -> None:
        generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, grpc_server)

    server = GrpcServer(ServerOptions("sightline.generator.v1.GeneratorService", drain_s=0))
    await server.start()
    await server.set_ready(register)
    client = GrpcGenerator(f"127.0.0.1:{server.port}", MESSAGE_BYTES)
    yield client
    await client.close()
    await server.stop()


def about(*files: bytes) -> generator_pb2.GenerateTextRequest:
    parts = [
        generator_pb2.Part(media=generator_pb2.Media(kind=media_pb2.MEDIA_KIND_VIDEO, data=data))
        for data in files
    ]
    return generator_pb2.GenerateTextRequest(messages=[generator_pb2.Message(parts=parts)])


async def ask(client: GrpcGenerator, *files: bytes) -> list[str | None]:
    responses = client.generate_text(about(*files), 30)
    return [response.WhichOneof("payload") async for response in responses]


def digests(headers: Sequence[generator_pb2.PutMediaHeader]) -> list[str]:
    return [header.digest for header in headers]


async def test_a_file_larger_than_a_message_goes_ahead_in_chunks(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    request = about(LARGE, SMALL)
    request.cache_salt = "salt"
    assert len([response async for response in client.generate_text(request, 30)]) == 2
    header = servicer.uploads[0]
    assert header.cache_salt == "salt"
    assert (header.digest, header.byte_count) == (sha256_digest(LARGE), len(LARGE))
    assert header.kind == media_pb2.MEDIA_KIND_VIDEO
    assert max(servicer.chunk_sizes) <= 2**20
    large, small = (part.media for part in servicer.requests[-1].messages[0].parts)
    assert (large.digest, large.data) == (sha256_digest(LARGE), b"")
    assert small.data == SMALL, "what fits stays inline"


async def test_files_that_fit_one_by_one_but_not_together_go_ahead_largest_first(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    assert await ask(client, SMALL, SECOND, SECOND + b"2") == ["started", "complete"]
    assert digests(servicer.uploads) == [sha256_digest(SECOND + b"2")]


async def test_one_file_shown_twice_is_sent_once(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    assert await ask(client, LARGE, LARGE) == ["started", "complete"]
    assert digests(servicer.uploads) == [sha256_digest(LARGE)]


async def test_a_file_that_the_server_still_has_is_not_sent_again(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    await ask(client, LARGE)
    assert await ask(client, LARGE) == ["started", "complete"]
    assert len(servicer.uploads) == 1


async def test_a_file_that_was_driven_out_meanwhile_is_sent_again(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    servicer.num_forgotten = 2
    assert await ask(client, LARGE) == ["started", "complete"]
    assert len(servicer.uploads) == 2


async def test_a_server_that_forgets_at_once_is_not_fed_for_ever(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    servicer.num_forgotten = 10
    with pytest.raises(MediaBytesRequiredError):
        await ask(client, LARGE)
    assert len(servicer.uploads) == MAX_UPLOADS


async def test_a_refused_upload_is_told_as_it_is(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    servicer.full = True
    with pytest.raises(QueueFullError):
        await ask(client, LARGE)


async def test_files_of_others_are_not_looked_for(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    request = about(LARGE)
    part = request.messages[0].parts.add()
    part.media.digest = sha256_digest(b"elsewhere")
    with pytest.raises(MediaBytesRequiredError):
        await anext(client.generate_text(request, 30))
    assert not servicer.uploads


async def test_text_that_exceeds_a_message_is_refused_here(
    client: GrpcGenerator, servicer: ForgetfulServicer
) -> None:
    request = about(LARGE)
    request.messages[0].parts.add().text = "x" * MESSAGE_BYTES
    with pytest.raises(MediaTooLargeError):
        await anext(client.generate_text(request, 30))
    assert not servicer.requests
