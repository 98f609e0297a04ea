import pytest
from sightline_common.checksum import Checksum

DATA = bytes(range(256)) * 5


def of(*pieces: bytes) -> str:
    checksum = Checksum()
    for piece in pieces:
        checksum.update(piece)
    return checksum.text()


def test_checksum_of_known_bytes_is_the_published_one():
    assert of(b"") == "xxh3:99aa06d3014798d86001c324468d497f"


@pytest.mark.parametrize("cut", [0, 1, 240, 241, 1024])
def test_checksum_does_not_depend_on_how_bytes_were_cut(cut):
    assert of(DATA[:cut], DATA[cut:]) == of(DATA)


def test_every_byte_counts():
    changed = {of(DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]) for at in range(len(DATA))}

    assert len(changed | {of(DATA)}) == len(DATA) + 1
