"""What a person can have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
from sightline.generator.v1 import generator_pb2

from tests.web.accounts.test_api_keys import key_id, made
from tests.web.chat.talk import ask, message_ids, settled
from tests.web.fakes import FakeGenerator, complete, delta, png, started

SECRET = "Anna's secret"


@dataclass(frozen=True)
class Belongings:
    """What anna has: ids by the names that paths give them."""

    ids: Mapping[str, str]
    place: str
    more: Mapping[str, str] = field(default_factory=dict)

    def path(self, route: str) -> str:
        return re.sub(r"{(\w+)(:path)?}", lambda found: self.ids[found[1]], route.split(" ")[1])


async def given_to(anna: httpx2.AsyncClient, generator: FakeGenerator) -> Belongings:
    length = generator_pb2.FINISH_REASON_LENGTH  # so that it can go on
    generator.enqueue([started(), delta(SECRET), complete(1, length)])
    files = {"files": (f"{SECRET}.png", png(1, 2, 3), "image/png")}
    place = (await ask(anna, SECRET, files=files)).headers["location"]
    body = await settled(anna, place)
    digest = re.search(r"/attachments/([0-9a-f]{64})", body)
    assert digest
    await made(anna, SECRET)
    await anna.post("/presets", data={"preset_name": SECRET})
    preset = re.search(r"/presets/([0-9a-f]{32})/rename", (await anna.get("/")).text)
    assert preset
    link = (await anna.post(f"{place}/share")).headers["location"]
    ids = {
        "conversation_id": place.removeprefix("/c/"),
        "message_id": message_ids(body)[-1],
        "digest": digest[1],
        "key_id": await key_id(anna),
        "token": link.removeprefix("/s/"),
        "preset_id": preset[1],
        "name": "precise",
    }
    question = message_ids(body)[0]
    return Belongings(ids, place, {"question": question})
