from hypothesis import example, given
from hypothesis import strategies as st
from sightline.encoder.v1 import encoder_pb2
from sightline_common.channel import CHUNK_BYTES
from sightline_common.chunk_codec import ALIGNMENT
from sightline_common.chunks import split_chunks
from sightline_common.digest import sha256_digest
from sightline_encoder.payload import RESPONSES, Payload

LARGE = bytes(range(256)) * (CHUNK_BYTES // 100)


@given(st.binary(max_size=300))
def test_chunks_of_a_payload_are_its_bytes(data):
    payload = Payload.split(data)

    assert b"".join(payload.chunks()) == data
    assert (payload.num_bytes, payload.digest) == (len(data), sha256_digest(data))


def test_messages_are_those_that_protobuf_would_have_sent():
    parsed = list(map(RESPONSES._message_type.FromString, Payload.split(LARGE).messages))

    assert b"".join(message.chunk for message in parsed) == LARGE
    assert max(len(message.chunk) for message in parsed) <= CHUNK_BYTES


def test_chunks_that_come_as_they_are_cut_make_the_same_payload():
    assert Payload.of(split_chunks(memoryview(LARGE))) == Payload.split(LARGE)


def test_chunks_share_the_memory_of_their_messages():
    payload = Payload.split(LARGE)

    assert [chunk.obj for chunk in payload.chunks()] == list(payload.messages)


@example(b"x", 107)
@given(st.binary(min_size=1, max_size=300), st.integers(0, 300))
def test_chunk_behind_a_header_begins_where_processors_want_it(data, key_length):
    payload = Payload.split(data)

    header = encoder_pb2.FeatureHeader(feature_key="k" * key_length)
    payload.put_behind(encoder_pb2.EncodeMediaResponse(header=header))

    (message,) = payload.messages
    head, chunk = RESPONSES.parse(message)
    assert (len(message) - len(data)) % ALIGNMENT == 0
    assert (chunk, head.header.feature_key) == (data, header.feature_key)
    assert len(message) - len(data) < header.ByteSize() + 2 * ALIGNMENT
