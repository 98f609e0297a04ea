import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from sightline.encoder.v1 import encoder_pb2
from sightline.generator.v1 import generator_pb2
from sightline_common.chunk_codec import ALIGNMENT, ChunkCodec, Headed

TYPES = [
    encoder_pb2.EncodeMediaRequest,
    encoder_pb2.EncodeMediaResponse,
    generator_pb2.PutMediaRequest,
]
SIZES = [0, 1, 127, 128, 16383, 16384, 2**20, 2**21 + 1]


@pytest.mark.parametrize("message_type", TYPES)
@pytest.mark.parametrize("size", SIZES)
def test_message_is_what_protobuf_sends_and_is_read_back(message_type, size):
    chunk = bytes(index % 251 for index in range(size))
    codec = ChunkCodec(message_type)
    sent = codec.message(memoryview(chunk))
    assert codec.parse(sent) == codec.chunk(sent) == chunk
    read = message_type.FromString(sent)
    if isinstance(read, encoder_pb2.EncodeMediaResponse):
        assert (len(sent) - size) % ALIGNMENT == 0
        read.ClearField("padding")
    assert read == message_type(chunk=chunk)


def test_other_messages_are_protobufs():
    codec = ChunkCodec(encoder_pb2.EncodeMediaResponse)
    message = encoder_pb2.EncodeMediaResponse(header=encoder_pb2.FeatureHeader(token_count=7))
    assert codec.parse(codec.serialize(message)) == message
    assert codec.parse(b"") == encoder_pb2.EncodeMediaResponse()


def test_chunk_shares_the_memory_of_its_message():
    codec = ChunkCodec(encoder_pb2.EncodeMediaResponse)
    data = codec.message(b"abc")
    assert codec.parse(data).obj is data


def test_what_is_more_than_a_chunk_is_left_to_protobuf():
    codec = ChunkCodec(encoder_pb2.EncodeMediaResponse)
    twice = codec.message(b"first") + codec.message(b"last")
    assert codec.parse(twice).chunk == b"last"
    unknown = codec.message(b"first") + b"\xf8\x07\x01"
    assert codec.parse(unknown).chunk == b"first"


@pytest.mark.parametrize("size", SIZES)
def test_first_chunk_behind_a_header_is_what_protobuf_sends_and_is_read_back(size):
    chunk = bytes(index % 251 for index in range(size))
    codec = ChunkCodec(encoder_pb2.EncodeMediaResponse)
    head = encoder_pb2.EncodeMediaResponse(header=encoder_pb2.FeatureHeader(feature_key="k" * 200))
    sent = codec.headed(head, memoryview(chunk))
    assert codec.parse(sent) == Headed(head, chunk)
    assert codec.parse(sent).chunk.obj is codec.chunk(sent).obj is sent
    assert codec.chunk(sent) == chunk
    whole = encoder_pb2.EncodeMediaResponse.FromString(sent)
    assert (whole.header, whole.first_chunk) == (head.header, chunk)


@given(st.binary(max_size=64), st.integers(0, 30))
def test_any_bytes_mean_what_protobuf_says(data, start):
    codec = ChunkCodec(encoder_pb2.EncodeMediaResponse)
    header = encoder_pb2.FeatureHeader(token_count=7)
    head = encoder_pb2.EncodeMediaResponse(header=header)
    beginnings = codec.message(b"x" * 20), codec.headed(head, b"x" * 20)
    for beginning in beginnings:
        means_what_protobuf_says(codec, beginning[:start] + data)


def means_what_protobuf_says(codec, data):
    try:
        expected = encoder_pb2.EncodeMediaResponse.FromString(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            codec.parse(data)
        return
    parsed = codec.parse(data)
    if isinstance(parsed, Headed):
        assert parsed.chunk == expected.first_chunk
        parsed.message.first_chunk = bytes(parsed.chunk)
        expected.ClearField("padding")
        assert parsed.message == expected
    elif isinstance(parsed, memoryview):
        assert parsed == expected.chunk
        assert expected.WhichOneof("payload") == "chunk"
    else:
        assert parsed == expected
