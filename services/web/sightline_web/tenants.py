"""What keeps owners apart in the caches of generator and encoder."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from sightline_common.config import SettingInvalidError

from sightline_web.accounts.account import LOCAL_OWNER

SECRET_BYTES = 32
_SECRET_FILE = "tenants.key"


class Tenants:
    """Gives every owner a salt that nobody can guess who lacks the server's secret.

    The secret is `secret`, or lies in a folder in which it is made when it is first needed.
    Replicas that have another one compute once more what the others have cached.
    """

    def __init__(self, folder: Path, secret: str = "") -> None:
        self._path = folder / _SECRET_FILE
        self._secret = secret.encode()

    def cache_salt(self, owner_id: str, own_salt: str = "") -> str:
        """Returns an owner's salt, or that of a part which the owner sets apart by `own_salt`.

        It is empty for the whole of the only owner where there are no accounts. Raises
        SettingInvalidError where the kept secret is too short to be one.
        """
        if owner_id == LOCAL_OWNER and not own_salt:
            return ""
        parts = json.dumps([owner_id, own_salt]) if own_salt else owner_id
        return hmac.new(self.secret(), parts.encode(), hashlib.sha256).hexdigest()

    def secret(self) -> bytes:
        """Returns the secret, which is made where there is none; raises SettingInvalidError."""
        self._secret = self._secret or _kept_secret(self._path)
        return self._secret


def _kept_secret(path: Path) -> bytes:
    if not path.exists():
        _make_secret(path)
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise SettingInvalidError(f"{path} is damaged; remove it, and another one is made")
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    made.touch(mode=0o600)
    with made.open("wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())  # before it has its name: a crash must not leave half of it
    with suppress(FileExistsError):
        os.link(made, path)  # unlike a rename, never over another replica's
    made.unlink()
