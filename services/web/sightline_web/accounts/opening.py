"""From the setting to a directory."""

from __future__ import annotations

from pathlib import Path

from sightline_common.config import SettingInvalidError

from sightline_web.accounts.directory import Directory
from sightline_web.accounts.password_directory import PasswordDirectory
from sightline_web.accounts.password_file import SOURCE, PasswordFile
from sightline_web.config import WebSettings


def open_directory(settings: WebSettings) -> Directory | None:
    """Returns the directory that SIGHTLINE_AUTH names; raises SettingInvalidError."""
    kind, _, place = settings.auth.partition(":")
    if not settings.auth:
        return None
    if kind == SOURCE and place:
        return PasswordDirectory(PasswordFile(Path(place).expanduser()))
    raise SettingInvalidError(
        f"SIGHTLINE_AUTH={settings.auth} must be {SOURCE}:/path or oidc:https://issuer."
    )
