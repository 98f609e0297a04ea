"""An account: whose things a request may see, and what else it may do."""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from starlette.requests import Request

LOCAL_OWNER = "local"
MAX_NAME_LENGTH = 64


@dataclass(frozen=True)
class Account:
    """Somebody who may use the service.

    `source` is the directory that vouches for `subject`, by which it knows the person for
    good; `name` is only shown. Operators may see how the service is doing.
    """

    source: str
    subject: str
    name: str
    is_operator: bool = False

    @property
    def owner_id(self) -> str:
        """Identifies the account's rows; nothing in it can be chosen to be another's."""
        if self.source == LOCAL_OWNER:
            return LOCAL_OWNER
        text = f"{len(self.source)}:{self.source}{self.subject}"
        return f"account:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


class Proof(NamedTuple):
    """Somebody who has just proved who they are.

    `mark` ties sessions to the proof: a directory may refuse those with another one.
    """

    account: Account
    mark: str = ""


LOCAL = Account(LOCAL_OWNER, LOCAL_OWNER, "", is_operator=True)
"""The one owner while there are no accounts."""

_shown: ContextVar[Account | None] = ContextVar("account", default=None)


def use_account(request: Request, account: Account) -> None:
    """Says whose request this is, to its endpoint and to the templates."""
    request.state.account = account
    _shown.set(None if account is LOCAL else account)


def account_of(request: Request) -> Account:
    """Returns whose request this is; AttributeError on paths that need nobody."""
    account: Account = request.state.account
    return account


def shown_account() -> Account | None:
    """Returns who is signed in, for templates; None where there are no accounts."""
    return _shown.get()
