import grpc
import pytest
from sightline.generator.v1 import generator_pb2_grpc

from tests.clients.command_line import TOOLCHAINS, built_client, python_client

COMPILED = [pytest.param(name, marks=pytest.mark.toolchain) for name in TOOLCHAINS]


@pytest.fixture(scope="session", params=["python", *COMPILED])
def client(request):
    """The command line of each client, in turn."""
    return python_client() if request.param == "python" else built_client(request.param)


@pytest.fixture
def generator(suite):
    with grpc.insecure_channel(suite.generator) as channel:
        yield generator_pb2_grpc.GeneratorServiceStub(channel)
