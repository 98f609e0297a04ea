"""Ask a Sightline server about pictures.

with Client("127.0.0.1:50052") as client:
    for text in client.ask("What is this?", images=["a.png"]):
        print(text, end="", flush=True)
"""

from sightline.client.answer import ToolCall
from sightline.client.async_client import AsyncAnswer, AsyncClient
from sightline.client.channel import Tls
from sightline.client.client import Answer, Client
from sightline.client.errors import (
    AccessError,
    AnswerCutOffError,
    CallCancelledError,
    DeadlineError,
    InvalidRequestError,
    MediaBytesRequiredError,
    MediaError,
    NotFoundError,
    PromptTooLongError,
    ServerError,
    SightlineError,
    UnavailableError,
)
from sightline.client.media import Media
from sightline.client.message import Message, assistant, system, tool, user
from sightline.client.retry import RetryPolicy

__all__ = [
    "AccessError",
    "Answer",
    "AnswerCutOffError",
    "AsyncAnswer",
    "AsyncClient",
    "CallCancelledError",
    "Client",
    "DeadlineError",
    "InvalidRequestError",
    "Media",
    "MediaBytesRequiredError",
    "MediaError",
    "Message",
    "NotFoundError",
    "PromptTooLongError",
    "RetryPolicy",
    "ServerError",
    "SightlineError",
    "Tls",
    "ToolCall",
    "UnavailableError",
    "assistant",
    "system",
    "tool",
    "user",
]
