"""Light, dark, or as the system is."""

from __future__ import annotations

import httpx2
import pytest
from sightline_web.preference import THEME


@pytest.mark.parametrize(
    ("theme", "schemes"), [("system", "light dark"), ("light", "light"), ("dark", "dark")]
)
async def test_chosen_theme_is_kept_on_every_page(
    client: httpx2.AsyncClient, theme: str, schemes: str
) -> None:
    response = await client.post("/theme", data={"theme": theme, "path": "/c/abc"})
    assert response.headers["location"] == "/c/abc"
    for path in ("/", "/missing"):
        body = (await client.get(path, follow_redirects=True)).text
        assert f'data-theme="{theme}"' in body
        assert f'<meta name="color-scheme" content="{schemes}">' in body


async def test_unknown_theme_changes_nothing(client: httpx2.AsyncClient) -> None:
    response = await client.post("/theme", data={"theme": '"><script>', "path": "//evil.example"})
    assert response.headers["location"] == "/"
    assert "set-cookie" not in response.headers
    body = (await client.get("/", headers={"cookie": "theme=neon"})).text
    assert 'data-theme="system"' in body
    assert body.count('name="theme"') == len(THEME.names)
