"""Three real encoders behind one real generator, of which some are lost under load."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sightline.generator.v1 import generator_pb2
from sightline_common.digest import sha256_digest
from sightline_generator.rendezvous import ranked

from tests.suite.pictures import fresh_picture
from tests.suite.test_grpc import picture, request, text

pytestmark = pytest.mark.suite
NUM_CLIENTS = 8
STOP = generator_pb2.StopOptions(max_token_count=4, end_ignored=True)
RECOVERY_TIMEOUT_S = 60.0


def ask(fleet, data, question="Describe the image."):
    """Returns how an answer ended; raises RpcError when it failed."""
    asked = request(picture(data), text(question), stop=STOP)
    *_, last = fleet.stub.GenerateText(asked, timeout=120)
    return last.WhichOneof("payload")


def ask_all(fleet, pictures, question="Describe the image.", meanwhile=lambda: None):
    """Asks from several clients at once, and does something when a third has been answered."""
    with ThreadPoolExecutor(NUM_CLIENTS) as clients:
        answers = [clients.submit(ask, fleet, data, question) for data in pictures]
        answers[len(answers) // 3].result()
        meanwhile()
        assert {answer.result() for answer in answers} == {"complete"}


def fresh_pictures(count):
    return [fresh_picture() for _ in range(count)]


def owned_by(fleet, encoder, count):
    """Returns new pictures that one encoder owns."""
    targets = [each.target for each in fleet.encoders]
    owned = []
    while len(owned) < count:
        data = fresh_picture()
        if ranked(sha256_digest(data), targets)[0] == encoder.target:
            owned.append(data)
    return owned


def test_every_picture_is_encoded_once(fleet):
    pictures = fresh_pictures(30)
    before = sum(fleet.computed_counts())
    ask_all(fleet, [data for data in pictures for _ in range(3)])
    ask_all(fleet, pictures, "How many shapes are there?")
    assert sum(fleet.computed_counts()) - before == len(pictures)
    assert min(fleet.computed_counts()) > 0


def test_no_request_fails_when_an_encoder_is_killed_and_it_comes_back(fleet):
    lost = fleet.encoders[0]
    ask_all(fleet, fresh_pictures(60), meanwhile=lost.kill)

    lost.start()
    lost.wait_ready()

    deadline = time.monotonic() + RECOVERY_TIMEOUT_S
    while not fleet.computed_counts()[0]:
        assert time.monotonic() < deadline, fleet.generator.log_text()[-3000:]
        ask_all(fleet, owned_by(fleet, lost, 1))


def test_no_request_fails_when_an_encoder_freezes(fleet):
    lost = fleet.encoders[1]
    try:
        ask_all(fleet, fresh_pictures(60), meanwhile=lost.freeze)
        assert "encoder lost" in fleet.generator.log_text()
    finally:
        lost.thaw()
