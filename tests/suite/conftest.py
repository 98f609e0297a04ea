import grpc
import openai
import pytest
from sightline.encoder.v1 import encoder_pb2_grpc
from sightline.generator.v1 import generator_pb2_grpc

from tests.browser.conftest import browser  # noqa: F401 - a fixture
from tests.suite.running_suite import running_suite


@pytest.fixture(scope="session")
def similar_suite(tmp_path_factory):
    """A second suite, which offers features of similar pictures; `test_stopping` ends it."""
    folder = tmp_path_factory.mktemp("similar")
    with running_suite(folder, SIGHTLINE_ENCODER_SIMILAR_BYTES="67108864") as suite:
        yield suite


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
