"""What templates are given, and the HTML that they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import HTMLResponse

from sightline_web.chat.settings import SettingsView
from sightline_web.chat.wording import words_for
from sightline_web.markdown.renderer import render_markdown
from sightline_web.pages import page, render
from sightline_web.store.records import Conversation, Message, MessageStatus, Role


@dataclass(frozen=True)
class MessageView:
    """A message with everything that its template shows."""

    message: Message

    @property
    def is_user(self) -> bool:
        return self.message.role is Role.USER

    @property
    def is_running(self) -> bool:
        return self.message.status is MessageStatus.RUNNING

    @property
    def is_failed(self) -> bool:
        return self.message.status is MessageStatus.FAILED

    @property
    def html(self) -> Markup:
        return render_markdown(self.message.text)

    @property
    def notice(self) -> str:
        return words_for(self.message.reason) if self.message.reason else ""

    @property
    def stats(self) -> str:
        """One line about size and speed; empty when nothing was measured."""
        stats = self.message.stats
        tokens = int(stats.get("completion_tokens", 0))
        if not tokens:
            return ""
        words = [f"{tokens} token{'s' if tokens != 1 else ''}"]
        if stats.get("first_token_s"):
            words.append(f"first after {stats['first_token_s']:.2f} s")
        if stats.get("decode_s") and tokens > 1:
            words.append(f"{(tokens - 1) / stats['decode_s']:.0f} tokens/s")
        if stats.get("cached_tokens"):
            words.append(f"{int(stats['cached_tokens'])} prompt tokens from cache")
        return " · ".join(words)


@dataclass(frozen=True)
class ChatPage:
    """The page of one conversation, or of none yet."""

    conversation: Conversation | None
    branch: Sequence[Message]
    history: Sequence[Conversation]
    settings: SettingsView
    model: str

    def response(self) -> HTMLResponse:
        views = [MessageView(message) for message in self.branch]
        return page(
            "chat.html",
            conversation=self.conversation,
            views=views,
            history=self.history,
            settings=self.settings,
            model=self.model,
            is_running=any(view.is_running for view in views),
        )


def render_message(message: Message) -> str:
    """A whole message."""
    return render("_message.html", view=MessageView(message))


def render_final(message: Message) -> str:
    """A partial that replaces a message wherever it is on the page."""
    return render("_message_replaced.html", view=MessageView(message))


def exchange(conversation_id: str, question: Message, answer: Message) -> HTMLResponse:
    """A question and its running answer for the thread, and an empty composer."""
    return page(
        "_exchange.html",
        views=[MessageView(question), MessageView(answer)],
        action=f"/c/{conversation_id}/messages",
    )
