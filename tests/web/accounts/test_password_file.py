"""A text file of people."""

from __future__ import annotations

import io
import os
import stat
import time
from pathlib import Path

import pytest
from sightline_common.config import SettingInvalidError
from sightline_web.accounts.__main__ import main
from sightline_web.accounts.account import Account
from sightline_web.accounts.opening import open_directory
from sightline_web.accounts.password_file import PasswordFile, read_entries
from sightline_web.config import WebSettings

from tests.web.accounts.people import CHEAP, PASSWORD, password_file

HASH = CHEAP.hash(PASSWORD)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, password: str = PASSWORD) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    main(arguments)


def test_command_adds_changes_and_removes_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people"
    run(monkeypatch, "add", str(path), "anna")
    run(monkeypatch, "add", str(path), "olga", "--operator")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text() and path.read_text().count("$argon2id$") == 2
    file = PasswordFile(path)
    assert file.verify("olga", PASSWORD).account.is_operator
    assert not file.verify("anna", PASSWORD).account.is_operator
    run(monkeypatch, "add", str(path), "anna", password="another one")
    assert file.verify("anna", PASSWORD) is None and file.verify("anna", "another one")
    run(monkeypatch, "remove", str(path), "anna")
    assert file.verify("anna", "another one") is None and file.verify("olga", PASSWORD)


@pytest.mark.parametrize(
    ("name", "password"),
    [("a:b", PASSWORD), ("", PASSWORD), ("x" * 65, PASSWORD), ("a\nb", PASSWORD), (" a", PASSWORD),
     ("\u202eanna", PASSWORD), ("#a", PASSWORD), ("anna", "short"), ("anna", "x" * 1025)],
)  # fmt: skip
def test_command_refuses_what_cannot_be_a_name_or_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    with pytest.raises(SystemExit, match=r"sightline_web\.accounts: a "):
        run(monkeypatch, "add", str(tmp_path / "people"), name, password=password)
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize(
    "line",
    ["anna", "anna:", "anna:secret", f"anna:{HASH}:king", f"anna:{HASH}:operator:x", f":{HASH}",
     f"anna:{HASH}\nanna:{HASH}", "anna:$2y$05$abcdefghijklmnopqrstuv", "anna:$apr1$x$y"],
    ids=range(9),  # the hash is another one in every process
)  # fmt: skip
def test_bad_line_is_refused_at_start_and_left_out_later(tmp_path: Path, line: str) -> None:
    path = tmp_path / "people"
    path.write_text(f"# people\n\nolga:{HASH}:operator\n{line}\n")
    with pytest.raises(SettingInvalidError, match=r"SIGHTLINE_AUTH.*line [45]") as caught:
        open_directory(WebSettings(auth=f"password-file:{path}"))
    assert HASH not in str(caught.value)
    assert "olga" in read_entries(path.read_text(), strict=False)


@pytest.mark.parametrize("auth", ["password-file:", "password-file:/none/there", "ldap:x", "x"])
def test_directory_that_cannot_be_opened_names_its_setting(auth: str) -> None:
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_AUTH"):
        open_directory(WebSettings(auth=auth))


def test_change_of_the_file_counts_at_once(tmp_path: Path) -> None:
    path = password_file(tmp_path)
    file = PasswordFile(path)
    before = path.stat()
    text = path.read_text().replace("anna", "irma")
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert file.find("anna") is None and file.find("irma") is not None


def test_looking_somebody_up_computes_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = password_file(tmp_path)
    file = PasswordFile(path)
    monkeypatch.setattr("argon2.PasswordHasher.hash", None)
    path.write_text(path.read_text() + f"irma:{HASH}\n")
    assert file.find("irma") is not None and file.find("nobody") is None


def test_unknown_name_takes_as_long_as_a_known_one(tmp_path: Path) -> None:
    path = tmp_path / "people"
    path.write_text(f"anna:{type(CHEAP)(time_cost=4, memory_cost=8192, parallelism=1).hash('x')}\n")
    file = PasswordFile(path)

    def seconds(name: str) -> float:
        started = time.perf_counter()
        assert file.verify(name, "wrong") is None
        return time.perf_counter() - started

    known = min(seconds("anna") for _ in range(5))
    unknown = min(seconds("nobody") for _ in range(5))
    assert unknown > known / 2


def test_owners_of_different_directories_are_different() -> None:
    accounts = [
        Account("password-file", "anna", "anna"),
        Account("password-file", "boris", "anna"),
        Account("oidc:https://a.example", "anna", "anna"),
        Account("oidc:https://a.exampl", "eanna", "anna"),
        Account("oidc:https://b.example", "anna", "anna"),
        Account("password-file", "local", "local"),
    ]
    owner_ids = {account.owner_id for account in accounts}
    assert len(owner_ids) == len(accounts) and "local" not in owner_ids
    assert all(len(owner_id) <= 64 for owner_id in owner_ids)
    assert accounts[0].owner_id == Account("password-file", "anna", "Anna B.", True).owner_id
