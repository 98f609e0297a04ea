import asyncio
import socket

import pytest
from sightline_common.config import SettingInvalidError
from sightline_generator import encoder_targets
from sightline_generator.encoder_targets import EncoderTargets


@pytest.fixture
def names(monkeypatch):
    """What names resolve to, by host."""
    known = {}

    async def look_up(host, port):
        if host not in known:
            raise socket.gaierror(host)
        return tuple(f"{address}:{port}" for address in known[host])

    monkeypatch.setattr(encoder_targets, "_look_up", look_up)
    return known


async def test_list_is_taken_as_it_is_written():
    targets = EncoderTargets.parse("encoder-0:50051, 127.0.0.1:1,[::1]:2,encoder-0:50051,")
    assert await targets.addresses() == ["encoder-0:50051", "127.0.0.1:1", "[::1]:2"]


async def test_name_stands_for_all_its_addresses_as_they_are_now(names):
    targets = EncoderTargets.parse("dns:///encoder:50051,extra:1")
    names["encoder"] = ["10.0.0.1", "10.0.0.2"]
    assert await targets.addresses() == ["10.0.0.1:50051", "10.0.0.2:50051", "extra:1"]
    names["encoder"] = ["10.0.0.2", "10.0.0.3"]
    assert await targets.addresses() == ["10.0.0.2:50051", "10.0.0.3:50051", "extra:1"]


async def test_failed_look_up_changes_nothing(names):
    targets = EncoderTargets.parse("dns:///encoder:50051")
    assert await targets.addresses() == []
    names["encoder"] = ["10.0.0.1"]
    await targets.addresses()
    del names["encoder"]
    assert await targets.addresses() == ["10.0.0.1:50051"]


async def test_look_up_without_an_answer_holds_nobody_up_and_is_not_repeated(monkeypatch):
    answer, num_look_ups = asyncio.Event(), 0

    async def look_up(host, port):
        nonlocal num_look_ups
        num_look_ups += 1
        await answer.wait()
        return (f"10.0.0.1:{port}",)

    monkeypatch.setattr(encoder_targets, "_look_up", look_up)
    monkeypatch.setattr(encoder_targets, "LOOK_UP_TIMEOUT_S", 0.01)
    targets = EncoderTargets.parse("dns:///encoder:50051,extra:1")
    for _ in range(3):
        assert await targets.addresses() == ["extra:1"]
    assert num_look_ups == 1
    answer.set()
    assert await targets.addresses() == ["10.0.0.1:50051", "extra:1"]


async def test_real_look_up_of_loopback():
    (address,) = await EncoderTargets.parse("dns:///127.0.0.1:7").addresses()
    assert address == "127.0.0.1:7"
    assert await EncoderTargets.parse("dns:///[::1]:7").addresses() == ["[::1]:7"]


@pytest.mark.parametrize("text", ["", " , ", "host", "host:", ":1", "host:0", "host:99999", "h:x"])
async def test_what_is_no_address_is_refused(text):
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_ENCODER_TARGET"):
        EncoderTargets.parse(text)
