from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.finetuning.rows import RowError, Turn, read_rows


def user(content: str = "<image>What is this?") -> dict[str, str]:
    return {"role": "user", "content": content}


def assistant(content: str = "A star.") -> dict[str, str]:
    return {"role": "assistant", "content": content}


def row(*messages: dict[str, Any], images: Any = ("star.png",), **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), "images": images, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "star.png").write_bytes(b"picture")
    return tmp_path


def write(folder: Path, value: Any) -> Path:
    file = folder / "rows.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_pictures_lie_beside_the_data_file(folder: Path) -> None:
    (only,) = read_rows(write(folder, [row(user(), assistant())]))
    assert only.images == (folder / "star.png",)
    assert only.turns == (Turn("user", "<image>What is this?"), Turn("assistant", "A star."))


def test_pictures_may_lie_in_a_folder_of_their_own(folder: Path) -> None:
    (folder / "pictures").mkdir()
    (folder / "star.png").rename(folder / "pictures" / "star.png")
    (only,) = read_rows(write(folder, [row(user(), assistant())]), folder / "pictures")
    assert only.images == (folder / "pictures" / "star.png",)


def test_json_lines_hold_the_same_rows(folder: Path) -> None:
    rows = [row(user(), assistant()), row(user("Hello."), assistant("Hello."), images=[])]
    lines = folder / "rows.jsonl"
    lines.write_text("\n\n".join(json.dumps(each) for each in rows), encoding="utf-8")
    from_list = read_rows(write(folder, rows))
    assert [each.turns for each in read_rows(lines)] == [each.turns for each in from_list]


def test_a_thought_stands_before_its_answer(folder: Path) -> None:
    answer = assistant("<think>\nFive tips.</think>\n\nA star.")
    (only,) = read_rows(write(folder, [row(user(), answer)]))
    assert only.turns[1] == Turn("assistant", "A star.", "Five tips.")


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ({"messages": []}, "put .* around the rows"),
        ([], "write at least one"),
        ([["messages"]], 'list "messages"'),
        ([{"conversations": []}], 'list "messages"'),
        ([row(user(), assistant(), videos=["a.mp4"])], '"videos" is not supported'),
        ([row({"from": "human", "value": "Hi"})], 'needs "role" and "content"'),
        ([row({"role": "user", "content": [{"type": "text"}]})], "both strings"),
        ([row({"role": "gpt", "content": "Hi"})], "use system, user or assistant"),
        ([row(user(" "), assistant())], "is empty"),
        ([row(assistant(), user())], "roles must be"),
        ([row(user())], "end with assistant"),
        ([row(user(), user(), assistant(), assistant())], "roles must be"),
        ([row(user(), assistant(), {"role": "system", "content": "x"})], "roles must be"),
        ([row({"role": "system", "content": "x"})], "roles must be"),
        ([row(user("What?"), assistant())], "0 times <image> for 1 images"),
        ([row(user("<image><image>"), assistant())], "2 times <image> for 1 images"),
        ([row(user("What?"), assistant("<image>"))], "message 2 of assistant"),
        ([row(user(), assistant(), images="star.png")], "list of file names"),
        ([row(user(), assistant(), images=["moon.png"])], "no file .*moon.png"),
        ([row(user(), assistant(), images=["https://a.b/c.png"])], "download it"),
    ],
)
def test_a_bad_row_is_refused_with_its_remedy(folder: Path, value: Any, remedy: str) -> None:
    with pytest.raises(RowError, match=remedy) as caught:
        read_rows(write(folder, value))
    assert str(folder / "rows.json") in str(caught.value)


def test_the_error_names_the_row(folder: Path) -> None:
    rows = [row(user(), assistant()), row(user(), assistant()), row(user())]
    with pytest.raises(RowError, match=r"rows\.json, row 3: "):
        read_rows(write(folder, rows))


def test_the_error_names_the_broken_line(folder: Path) -> None:
    lines = folder / "rows.jsonl"
    lines.write_text(json.dumps(row(user(), assistant())) + "\n{broken\n", encoding="utf-8")
    with pytest.raises(RowError, match=r"rows\.jsonl, line 2: is not JSON"):
        read_rows(lines)
