"""What templates are given, and the HTML that they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from starlette.responses import HTMLResponse

from sightline_web.chat.examples import EXAMPLES
from sightline_web.chat.settings import SettingsView
from sightline_web.chat.threads import NUM_SHOWN
from sightline_web.chat.wording import words_for
from sightline_web.language import translated
from sightline_web.markdown.boxes import Box, boxes_in, without_marks
from sightline_web.markdown.renderer import render_markdown
from sightline_web.pages import page, render
from sightline_web.store.excerpts import MAX_MESSAGES, Excerpt
from sightline_web.store.presets import Preset
from sightline_web.store.records import Attachment, Conversation, Message, MessageStatus, Role


@dataclass(frozen=True)
class MessageView:
    """A message with everything that its template shows."""

    message: Message
    picture: Attachment | None = None
    """The picture that an answer speaks of."""
    is_last: bool = False
    """Nothing was said after it."""

    def of(self, message: Message) -> MessageView:
        """Returns the view of the same message at another time."""
        return replace(self, message=replace(message, versions=self.message.versions))

    def render(self) -> str:
        """Returns the whole message."""
        return render("_message.html", view=self)

    def render_final(self, message: Message) -> str:
        """Returns a partial that puts the finished message in the place of the running one."""
        return render("_message_replaced.html", view=self.of(message))

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
    def can_go_on(self) -> bool:
        """Tells whether this answer can be continued."""
        return self.is_last and self.message.is_cut_off

    @property
    def html(self) -> Markup:
        return render_markdown(self.plain_text)

    @property
    def plain_text(self) -> str:
        """The text without marks, as it is copied."""
        return without_marks(self.message.text)

    @property
    def boxes(self) -> list[Box]:
        return boxes_in(self.message.text)

    @property
    def version_number(self) -> int:
        """The place among the message's versions, from one; zero when there is no other."""
        versions = self.message.versions
        return versions.index(self.message.id) + 1 if len(versions) > 1 else 0

    @property
    def version_before(self) -> str:
        return self.message.versions[self.version_number - 2] if self.version_number > 1 else ""

    @property
    def version_after(self) -> str:
        return "".join(self.message.versions[self.version_number : self.version_number + 1])

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
        words = [translated("1 token") if tokens == 1 else translated("{n} tokens", n=tokens)]
        if stats.get("first_token_s"):
            words.append(translated("first after {s} s", s=f"{stats['first_token_s']:.2f}"))
        if stats.get("decode_s") and tokens > 1:
            rate = (tokens - 1) / stats["decode_s"]
            words.append(translated("{rate} tokens/s", rate=f"{rate:.0f}"))
        if stats.get("cached_tokens"):
            cached = int(stats["cached_tokens"])
            words.append(translated("{n} prompt tokens from cache", n=cached))
        return " · ".join(words)


@dataclass(frozen=True)
class ThreadView:
    """Messages of a conversation, and the way to those before."""

    conversation_id: str = ""
    excerpt: Excerpt = Excerpt()
    is_end: bool = True
    """Nothing was said after them."""

    def response(self) -> HTMLResponse:
        """The messages that are shown, without the page around them."""
        return page("_shown.html", thread=self)

    def earlier(self) -> HTMLResponse:
        """The messages for the place of the link to them."""
        return page("_earlier.html", thread=self)

    @property
    def views(self) -> list[MessageView]:
        views = views_of(self.excerpt.messages, self.excerpt.picture)
        return views if self.is_end else [replace(view, is_last=False) for view in views]

    @property
    def first_id(self) -> str:
        return self.excerpt.messages[0].id

    @property
    def num_earlier(self) -> int:
        return len(self.excerpt.earlier_ids)

    @property
    def earlier_id(self) -> str:
        """The message from which a page shows twice as much."""
        return self.excerpt.earlier_ids[-NUM_SHOWN:][0]

    @property
    def whole_id(self) -> str:
        """The first message; empty where all of them are too many for a page."""
        is_bounded = self.num_earlier + len(self.excerpt.messages) <= MAX_MESSAGES
        return self.excerpt.earlier_ids[0] if is_bounded else ""


@dataclass(frozen=True)
class ChatPage:
    """The page of one conversation, or of none yet."""

    conversation: Conversation | None
    thread: ThreadView
    history: Sequence[Conversation]
    words: str
    removed: Conversation | None
    is_shared: bool
    settings: SettingsView
    model: str
    takes_videos: bool
    own_presets: Sequence[Preset]
    draft: str = ""
    """What stands in the message box."""

    def response(self) -> HTMLResponse:
        views = self.thread.views
        return page(
            "chat.html",
            conversation=self.conversation,
            thread=self.thread,
            views=views,
            history=self.history,
            words=self.words,
            removed=self.removed,
            is_shared=self.is_shared,
            settings=self.settings,
            own_presets=self.own_presets,
            conversation_id=self.conversation.id if self.conversation else "",
            draft=self.draft,
            examples=EXAMPLES,
            model=self.model,
            takes_videos=self.takes_videos,
            is_running=any(view.is_running for view in views),
        )


def views_of(branch: Sequence[Message], picture: Attachment | None = None) -> list[MessageView]:
    """Pairs each message with the picture that was sent last before it, `picture` at first."""
    views: list[MessageView] = []
    for message in branch:
        pictures = [each for each in message.attachments if each.is_picture]
        picture = pictures[-1] if pictures else picture
        views.append(MessageView(message, picture, message is branch[-1]))
    return views


def exchange(
    conversation_id: str, question: Message, answer: Message, takes_videos: bool
) -> HTMLResponse:
    """A question and its running answer for the thread, and an empty composer."""
    return page(
        "_exchange.html",
        views=[MessageView(question), MessageView(answer)],
        action=f"/c/{conversation_id}/messages",
        takes_videos=takes_videos,
        draft="",
    )
