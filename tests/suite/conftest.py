import grpc
import openai
import pytest
from sightline.encoder.v1 import encoder_pb2_grpc
from sightline.generator.v1 import generator_pb2_grpc

from tests.browser.conftest import browser  # noqa: F401 - a fixture


@pytest.fixture
def client(suite):
    with openai.OpenAI(base_url=f"{suite.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def generator(suite):
    options = [("grpc.max_send_message_length", 64 * 1024 * 1024)]
    with grpc.insecure_channel(suite.generator, options=options) as channel:
        yield generator_pb2_grpc.GeneratorServiceStub(channel)


@pytest.fixture
def encoder(suite):
    with grpc.insecure_channel(suite.encoder) as channel:
        yield encoder_pb2_grpc.EncoderServiceStub(channel)
