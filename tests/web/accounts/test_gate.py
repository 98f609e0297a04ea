"""What happens before a request has an account."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from sightline_web.accounts.account import Account, Proof
from sightline_web.accounts.password_directory import PasswordDirectory
from sightline_web.accounts.password_file import PasswordFile
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.store.api_keys import ApiKeys
from sightline_web.store.database import Database
from sightline_web.store.sessions import Sessions
from sightline_web.web_metrics import WebMetrics
from sqlalchemy.exc import OperationalError

from tests.web.accounts.people import visitor
from tests.web.accounts.test_api_keys import bearer, made
from tests.web.chat.talk import HTMX
from tests.web.fakes import FakeGenerator
from tests.web.servers import lifespan

ANNA = Account("password-file", "anna", "anna")


async def _fail(*_: object) -> None:
    raise OperationalError("select", {}, sqlite3.OperationalError("database is locked"))


async def test_failing_database_is_told_as_everywhere_else(
    anna: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await made(anna)
    monkeypatch.setattr(Sessions, "find", _fail)
    monkeypatch.setattr(ApiKeys, "find", _fail)
    page = await anna.get("/")
    assert page.status_code == 500 and "its log has the details" in page.text
    assert page.headers["content-type"].startswith("text/html")
    answer = await anna.get("/v1/models", headers=bearer(key))
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "server_error"


async def test_key_is_worth_as_much_where_its_use_cannot_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sightline_web.store.database.BUSY_TIMEOUT_MS", 1)
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'sightline.db'}")
    await database.migrate()
    await Sessions(database).begin(Proof(ANNA), 60.0)
    keys = ApiKeys(database)
    key = await keys.add(ANNA.owner_id, "laptop", 30, mark="")
    other = sqlite3.connect(tmp_path / "sightline.db")
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        found = await keys.find(key)
    assert found is not None and found.account == ANNA
    assert "use of a key not noted" in caplog.text
    other.close()
    await database.close()


@pytest.mark.parametrize("address", ["http://[", "//[::1/", "x"])
async def test_senseless_address_of_a_page_leads_to_the_start(
    nobody: httpx2.AsyncClient, address: str
) -> None:
    form = await nobody.post("/c/abc/messages", headers={"referer": address})
    assert (form.status_code, form.headers["location"]) == (303, "/sign-in")
    fragment = await nobody.get("/history", headers={**HTMX, "hx-current-url": address})
    assert fragment.status_code == 401 and 'href="/sign-in"' in fragment.text


async def test_refused_keys_are_counted(
    generator: FakeGenerator, tmp_path: Path, people: Path
) -> None:
    registry = CollectorRegistry()
    settings = WebSettings(data_dir=tmp_path / "data", port=0)
    directory = PasswordDirectory(PasswordFile(people))
    database = Database(settings.store_url)
    app = create_app(generator, database, settings, directory, WebMetrics(registry))
    async with lifespan(app), visitor(app) as client:
        response = await client.get("/v1/models", headers=bearer("sl-wrong"))
    assert response.headers["www-authenticate"] == "Bearer"
    labels = {"reason": "invalid_api_key"}
    assert registry.get_sample_value("sightline_refusals_total", labels) == 1
