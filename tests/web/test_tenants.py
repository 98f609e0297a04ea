from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sightline_common.config import SettingInvalidError
from sightline_web.__main__ import open_accounts
from sightline_web.config import WebSettings
from sightline_web.tenants import SECRET_BYTES, Tenants

from tests.web.accounts.people import password_file


def test_without_accounts_there_is_one_salt_and_no_secret(tmp_path: Path) -> None:
    assert Tenants(tmp_path).cache_salt("local") == ""
    assert list(tmp_path.iterdir()) == []


def test_an_owner_keeps_a_salt_over_restarts_and_others_have_their_own(tmp_path: Path) -> None:
    anna, boris = (Tenants(tmp_path).cache_salt(owner) for owner in ("anna", "boris"))
    assert len({anna, boris, ""}) == 3
    assert Tenants(tmp_path).cache_salt("anna") == anna
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_salt_cannot_be_computed_without_the_secret(tmp_path: Path) -> None:
    own, other = Tenants(tmp_path / "one"), Tenants(tmp_path / "two")
    assert own.cache_salt("anna") != other.cache_salt("anna")


def test_replicas_with_one_secret_agree(tmp_path: Path) -> None:
    salts = {Tenants(tmp_path / name, "secret").cache_salt("anna") for name in ("one", "two")}
    assert len(salts) == 1


def test_replicas_that_start_together_on_one_folder_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        salts = set(pool.map(lambda _: Tenants(tmp_path).cache_salt("anna"), range(32)))
    assert len(salts) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kept", [b"", b"x" * (SECRET_BYTES - 1)])
def test_damaged_secret_is_named_and_not_used(tmp_path: Path, kept: bytes) -> None:
    path = tmp_path / "tenants.key"
    path.write_bytes(kept)
    with pytest.raises(SettingInvalidError, match=r"tenants.key is damaged; remove it, and"):
        Tenants(tmp_path).cache_salt("anna")
    path.unlink()
    assert Tenants(tmp_path).cache_salt("anna")


def test_secret_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def fsync(descriptor: int) -> None:
        assert not (tmp_path / "tenants.key").exists()
        written.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr("os.fsync", fsync)
    Tenants(tmp_path).cache_salt("anna")
    assert written == [SECRET_BYTES]


def test_damaged_secret_stops_the_start_with_and_without_accounts(tmp_path: Path) -> None:
    (tmp_path / "tenants.key").write_bytes(b"short")
    people = f"password-file:{password_file(tmp_path)}"
    with pytest.raises(SettingInvalidError, match="damaged"):
        open_accounts(WebSettings(data_dir=tmp_path, auth=people))
    with pytest.raises(SettingInvalidError, match="damaged"):
        open_accounts(WebSettings(data_dir=tmp_path))
