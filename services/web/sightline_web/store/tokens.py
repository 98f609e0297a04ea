"""Secrets that are handed out once, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hashed(token: str) -> str:
    """Returns what the database keeps; whoever reads that cannot use it.

    Tokens are random and long, so that a plain hash cannot be turned back, and finding a row
    by it tells nothing by the time it takes.
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
