"""From the settings to a directory."""

from __future__ import annotations

from pathlib import Path

from sightline_common.config import SettingInvalidError

from sightline_web.accounts.claims import ClaimRule, read_rule
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
    if kind == "oidc" and place:
        return _provider_at(place, settings)
    raise SettingInvalidError(
        f"SIGHTLINE_AUTH={settings.auth} must be {SOURCE}:/path or oidc:https://issuer."
    )


def _provider_at(issuer: str, settings: WebSettings) -> Directory:
    try:
        from sightline_web.accounts.oidc_directory import OidcDirectory, Rules
        from sightline_web.accounts.oidc_provider import Client, OidcProvider
    except ImportError as error:
        raise SettingInvalidError(
            "SIGHTLINE_AUTH=oidc:… needs more: pip install 'sightline-web[oidc]'"
        ) from error
    if not settings.oidc_client_id:
        raise SettingInvalidError("SIGHTLINE_OIDC_CLIENT_ID must be set with SIGHTLINE_AUTH=oidc:…")
    client = Client(settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_scopes)
    rules = Rules(
        _rule("SIGHTLINE_OIDC_REQUIRED_CLAIM", settings.oidc_required_claim),
        _rule("SIGHTLINE_OIDC_OPERATOR_CLAIM", settings.oidc_operator_claim),
    )
    return OidcDirectory(OidcProvider(issuer, client), rules, settings.public_url)


def _rule(variable: str, text: str) -> ClaimRule | None:
    try:
        return read_rule(text)
    except ValueError as error:
        raise SettingInvalidError(f"{variable}={text}: {error}") from error
