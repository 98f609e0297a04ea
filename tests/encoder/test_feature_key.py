from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys

import numpy as np
import torch
from PIL import Image
from sightline_common.digest import is_digest, sha256_digest
from sightline_encoder import feature_key
from sightline_encoder.feature_key import FeatureRequest, feature_fingerprint
from sightline_encoder.pixel_budget import PixelBudget

from tests.encoder.tiny import encoded

REQUEST = FeatureRequest(sha256_digest(b"file"), "image", PixelBudget(10, 20), "salt")
FINGERPRINT = feature_fingerprint("sha256:checkpoint", torch.float32, "cpu", "sdpa")


def test_every_part_of_a_request_changes_the_key():
    requests = [
        REQUEST,
        dataclasses.replace(REQUEST, digest=sha256_digest(b"other")),
        dataclasses.replace(REQUEST, kind="video"),
        dataclasses.replace(REQUEST, budget=PixelBudget(11, 20)),
        dataclasses.replace(REQUEST, budget=PixelBudget(10, 21)),
        dataclasses.replace(REQUEST, salt=""),
        dataclasses.replace(REQUEST, tiled=True),
    ]

    keys = {request.key(FINGERPRINT) for request in requests}

    assert len(keys) == len(requests)
    assert all(is_digest(key) for key in keys)


def test_checkpoint_and_element_type_change_the_fingerprint():
    fingerprints = {
        feature_fingerprint(checkpoint, dtype, "cpu", "sdpa")
        for checkpoint, dtype in itertools.product(("a", "b"), (torch.float32, torch.bfloat16))
    }

    assert len(fingerprints) == 4
    assert len({REQUEST.key(fingerprint) for fingerprint in fingerprints}) == 4


def test_pictures_of_equal_samples_and_swapped_sides_have_different_digests():
    samples = np.arange(48, dtype=np.uint8)
    wide, tall = (Image.fromarray(samples.reshape(shape)) for shape in ((4, 12), (12, 4)))
    assert wide.tobytes() == tall.tobytes()

    assert sha256_digest(encoded(wide)) != sha256_digest(encoded(tall))


def test_pictures_of_equal_indices_and_swapped_palettes_have_different_digests():
    pair = []
    for palette in ([255, 0, 0, 0, 0, 255], [0, 0, 255, 255, 0, 0]):
        picture = Image.new("P", (4, 4), 1)
        picture.putpalette(palette)
        pair.append(picture)
    assert pair[0].tobytes() == pair[1].tobytes()

    assert sha256_digest(encoded(pair[0])) != sha256_digest(encoded(pair[1]))


def test_keys_do_not_depend_on_the_process():
    program = (
        "from sightline_encoder.feature_key import *\n"
        "from sightline_encoder.pixel_budget import PixelBudget\n"
        f"print(FeatureRequest({REQUEST.digest!r}, 'image', PixelBudget(10, 20), 'salt')"
        f".key({FINGERPRINT!r}))"
    )
    environ = {"PYTHONHASHSEED": "12345", "PATH": ""}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == REQUEST.key(FINGERPRINT)


def test_a_hundred_thousand_pictures_have_whole_keys_of_their_own():
    requests = (
        dataclasses.replace(REQUEST, digest=f"sha256:{number:064x}") for number in range(100_000)
    )
    keys = {request.key(FINGERPRINT) for request in requests}

    assert len(keys) == 100_000
    assert all(map(is_digest, keys))


def test_device_attention_and_version_of_the_tower_change_the_fingerprint(monkeypatch):
    def fingerprint(device="cpu", attention="sdpa"):
        return feature_fingerprint("sha256:checkpoint", torch.float32, device, attention)

    found = {fingerprint(), fingerprint("cuda"), fingerprint(attention="flash-attn-2")}
    monkeypatch.setattr(feature_key, "TOWER_VERSION", "other")

    assert len(found | {fingerprint()}) == 4
