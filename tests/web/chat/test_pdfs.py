"""PDFs whose pages become pictures, and videos."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from sightline.type.v1 import media_pb2
from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.rasterizer import PdfPages, Rasterizer

from tests.web.chat.talk import HTMX, settled
from tests.web.fakes import FakeGenerator
from tests.web.pdf import files

RED, GREEN, BLUE = (1, 0, 0), (0, 1, 0), (0, 0, 1)
MP4 = b"\0\0\0\x20ftypisom" + b"\0" * 64


def digests(body: str) -> list[str]:
    return re.findall(r'name="attachment" value="(sha256:[0-9a-f]{64})"', body)


def pdf_file(data: bytes | None = None) -> dict[str, tuple[str, bytes, str]]:
    return {"files": ("report.pdf", data or files.coloured(RED, GREEN, BLUE), "application/pdf")}


async def test_pages_are_chosen_after_upload_and_sent_as_pictures(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    body = (await client.post("/attachments", files=pdf_file(), headers=HTMX)).text
    assert "report.pdf · 3 pages" in body
    assert len(digests(body)) == 3
    [path] = re.findall(r'hx-post="(/attachments/[0-9a-f]{64}/pages)"', body)
    chosen = (await client.post(path, data={"pages": "3"}, headers=HTMX)).text
    assert digests(chosen) == digests(body)[2:]
    response = await client.post("/c", data={"text": "What?", "attachment": digests(chosen)})
    shown = await settled(client, response.headers["location"])
    assert "report.pdf, page 3" in shown
    media, _text = generator.requests[-1].messages[0].parts
    assert media.media.kind == media_pb2.MEDIA_KIND_IMAGE
    assert media.media.data.startswith(b"\xff\xd8\xff")


async def test_pages_are_chosen_without_scripts(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    data = {"text": "What?", "pages": "2-3"}
    response = await client.post("/c", data=data, files=pdf_file())
    shown = await settled(client, response.headers["location"])
    assert re.findall(r'alt="report.pdf, page (\d)"', shown)[::2] == ["2", "3"]
    assert len(generator.requests[-1].messages[0].parts) == 3


@pytest.mark.parametrize(
    ("pages", "words"),
    [("7", "report.pdf has only 3 pages"), ("all", "Write pages like"), ("1-99", "at most 16")],
)
async def test_impossible_pages_are_refused_in_words(
    client: httpx2.AsyncClient, generator: FakeGenerator, pages: str, words: str
) -> None:
    response = await client.post("/c", data={"text": "Hi", "pages": pages}, files=pdf_file())
    assert response.status_code == 422
    assert words in response.text
    assert generator.requests == []


async def test_damaged_and_locked_pdfs_are_refused_in_words(client: httpx2.AsyncClient) -> None:
    for data, words in ((b"%PDF-1.7 <script>", "is damaged"), (files.locked(), "a password")):
        response = await client.post("/attachments", files=pdf_file(data), headers=HTMX)
        assert response.status_code == 422
        assert words in response.text


async def test_pdf_itself_never_reaches_the_model(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    body = (await client.post("/attachments", files=pdf_file(), headers=HTMX)).text
    [digest] = re.findall(r"/attachments/([0-9a-f]{64})/pages", body)
    sent = {"text": "Hi", "attachment": f"sha256:{digest}"}
    assert (await client.post("/c", data=sent)).status_code == 422
    picture = digests(body)[0].removeprefix("sha256:")
    response = await client.post(f"/attachments/{picture}/pages", data={"pages": "1"})
    assert response.status_code == 404
    assert generator.requests == []


async def test_video_is_sent_as_one_and_played_in_ranges(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.media_kinds.append(media_pb2.MEDIA_KIND_VIDEO)
    assert "video/mp4" in (await client.get("/")).text
    sent = {"files": ("clip.mp4", MP4, "video/mp4")}
    response = await client.post("/c", data={"text": "What?"}, files=sent)
    shown = await settled(client, response.headers["location"])
    [source] = re.findall(r'<video src="([^"]+)" controls', shown)
    media = generator.requests[-1].messages[0].parts[0].media
    assert media.kind == media_pb2.MEDIA_KIND_VIDEO
    assert media.data == MP4
    part = await client.get(source, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-type"] == "video/mp4"
    assert part.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_video_is_refused_where_the_model_takes_none(client: httpx2.AsyncClient) -> None:
    assert "video/mp4" not in (await client.get("/")).text
    sent = {"files": ("clip.mp4", MP4, "video/mp4")}
    response = await client.post("/attachments", files=sent, headers=HTMX)
    assert response.status_code == 422
    assert "takes no videos" in response.text


@pytest.mark.parametrize("is_sent_at_once", [False, True])
async def test_error_leaves_videos_to_be_chosen(
    client: httpx2.AsyncClient, generator: FakeGenerator, is_sent_at_once: bool
) -> None:
    generator.media_kinds.append(media_pb2.MEDIA_KIND_VIDEO)
    await client.get("/")
    path = "/c" if is_sent_at_once else "/attachments"
    sent = {"files": ("b.png", b"<svg/>", "image/png")}
    huge = {"files": ("c.mp4", b"x" * 2**21, "video/mp4")}  # refused before any route
    for each in (sent, huge):
        response = await client.post(path, files=each, headers=HTMX)
        assert response.status_code in (413, 422)
        assert "video/mp4" in response.text


async def test_error_offers_no_videos_where_the_model_takes_none(
    client: httpx2.AsyncClient,
) -> None:
    await client.get("/")
    sent = {"files": ("b.png", b"<svg/>", "image/png")}
    response = await client.post("/attachments", files=sent, headers=HTMX)
    assert 'id="files"' in response.text and "video/mp4" not in response.text


async def test_equal_pages_are_one_picture_which_can_be_removed(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    sent = pdf_file(files.coloured(RED, GREEN, RED))
    body = (await client.post("/attachments", files=sent, headers=HTMX)).text
    first, second = digests(body)
    assert 'value="1-2"' in body
    await client.delete(f"/attachments/{first.removeprefix('sha256:')}")
    response = await client.post("/c", data={"text": "What?", "attachment": second})
    await settled(client, response.headers["location"])
    assert len(generator.requests[-1].messages[0].parts) == 2


@pytest.mark.parametrize("data", [MP4, b"%PDF-1.7 <script>", files.coloured(RED)[:200]])
async def test_what_is_refused_is_not_kept(
    client: httpx2.AsyncClient, tmp_path: Path, data: bytes
) -> None:
    sent = {"files": ("a", data, "application/octet-stream")}
    assert (await client.post("/attachments", files=sent, headers=HTMX)).status_code == 422
    assert not [file for file in (tmp_path / "attachments").rglob("*") if file.is_file()]


async def test_busy_drawers_say_so(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def draw(*_: object) -> PdfPages:
        raise PdfError(PdfFault.BUSY)

    monkeypatch.setattr(Rasterizer, "draw", draw)
    for language, words in (("en", "Try report.pdf again"), ("zh", "请稍后再试 report.pdf")):
        headers = {**HTMX, "accept-language": language}
        response = await client.post("/attachments", files=pdf_file(), headers=headers)
        assert response.status_code == 503 and words in response.text
