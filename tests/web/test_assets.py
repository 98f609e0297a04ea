"""Vendored files are what they claim to be, and nothing else runs."""

from __future__ import annotations

import hashlib
import json

import httpx2
from sightline_web.assets import STATIC_DIR, static_url

VENDOR = STATIC_DIR / "vendor"


def test_vendored_files_have_their_recorded_hashes() -> None:
    versions = json.loads((VENDOR / "versions.json").read_text("utf-8"))
    files = {path.name for path in VENDOR.iterdir()} - {"versions.json"}
    assert files == versions.keys()
    for name, entry in versions.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"]


def test_there_is_no_script_of_our_own() -> None:
    scripts = {path.relative_to(STATIC_DIR).parts[0] for path in STATIC_DIR.rglob("*.js")}
    assert scripts == {"vendor"}


async def test_hashed_address_is_kept_for_ever(client: httpx2.AsyncClient) -> None:
    hashed = await client.get(static_url("site.css"))
    bare = await client.get("/static/site.css")
    assert "immutable" in hashed.headers["cache-control"]
    assert bare.headers["cache-control"] == "no-cache"


async def test_static_route_stays_in_its_folder(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/static/..%2fapp.py")).status_code == 404
