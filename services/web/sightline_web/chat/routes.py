"""The chat page's endpoints. Each form works with and without htmx."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sightline.generator.v1 import generator_pb2
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline_web.catalog import ModelCatalog
from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import chosen_files, open_form, read_question
from sightline_web.chat.jobs import AnswerJob, AnswerJobs
from sightline_web.chat.pace import Pace
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.prompts import build_request
from sightline_web.chat.settings import ChatSettings, from_form, from_store, shown
from sightline_web.chat.views import (
    ChatPage,
    exchange,
    render_final,
    render_message,
)
from sightline_web.chat.watching import finished_answer, watch_answer
from sightline_web.pages import page
from sightline_web.sse import EventStreamResponse
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.records import (
    INTERRUPTED,
    Attachment,
    Conversation,
    Message,
    MessageStatus,
)

LOCAL_OWNER = "local"
"""The one owner while there are no accounts."""

TITLE_LENGTH = 60
_PICTURE_HEADERS = {
    "cache-control": "private, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "inline",
}


@dataclass(frozen=True)
class Question:
    """A question whose pictures are stored."""

    text: str
    digests: tuple[str, ...]
    settings: ChatSettings


def owner_of(request: Request) -> str:
    """Returns whose things this request may see."""
    return LOCAL_OWNER


def from_htmx(request: Request) -> bool:
    """Tells whether a fragment is wanted rather than a page."""
    return request.headers.get("hx-request") == "true"


def go_to(request: Request, path: str) -> Response:
    """Sends the browser to another page."""
    if from_htmx(request):
        return Response(headers={"hx-redirect": path})
    return RedirectResponse(path, 303)


class ChatPages:
    """Pages and fragments over conversations and jobs."""

    def __init__(
        self,
        store: ConversationStore,
        pictures: Pictures,
        jobs: AnswerJobs,
        catalog: ModelCatalog,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._jobs = jobs
        self._catalog = catalog
        self._pace = Pace()

    def routes(self) -> list[Route]:
        return [
            Route("/", self.show_start),
            Route("/c", self.create_conversation, methods=["POST"]),
            Route("/c/{conversation_id}", self.show_conversation),
            Route("/c/{conversation_id}/messages", self.add_message, methods=["POST"]),
            Route("/c/{conversation_id}/settings", self.save_settings, methods=["POST"]),
            Route("/c/{conversation_id}/delete", self.delete_conversation, methods=["POST"]),
            Route("/m/{message_id}/stream", self.watch_message),
            Route("/m/{message_id}/stop", self.stop_message, methods=["POST"]),
            Route("/settings", self.show_settings, methods=["POST"]),
            Route("/attachments", self.add_attachments, methods=["POST"]),
            Route("/attachments/{digest}", self.show_attachment),
            Route("/attachments/{digest}", self.discard_attachment, methods=["DELETE"]),
        ]

    async def show_start(self, request: Request) -> Response:
        return await self._page(request, None)

    async def show_conversation(self, request: Request) -> Response:
        return await self._page(request, await self._conversation(request))

    async def create_conversation(self, request: Request) -> Response:
        owner_id = owner_of(request)
        asked = await self._read_question(request)
        conversation_id = await self._store.create(
            owner_id, title_of(asked.text), asked.settings.stored()
        )
        await self._ask(owner_id, conversation_id, asked)
        return go_to(request, f"/c/{conversation_id}")

    async def add_message(self, request: Request) -> Response:
        owner_id = owner_of(request)
        conversation = await self._conversation(request)
        self._refuse_while_running(conversation)
        asked = await self._read_question(request)
        self._refuse_while_running(await self._conversation(request))
        await self._store.save_settings(owner_id, conversation.id, asked.settings.stored())
        question, answer = await self._ask(owner_id, conversation.id, asked)
        if from_htmx(request):
            return exchange(conversation.id, question, answer)
        return RedirectResponse(f"/c/{conversation.id}#m-{answer.id}", 303)

    async def save_settings(self, request: Request) -> Response:
        conversation = await self._conversation(request)
        settings = await _read_settings(request)
        await self._store.save_settings(owner_of(request), conversation.id, settings.stored())
        if from_htmx(request):
            return await self._settings_fragment(settings)
        return RedirectResponse(f"/c/{conversation.id}", 303)

    async def show_settings(self, request: Request) -> Response:
        return await self._settings_fragment(await _read_settings(request))

    async def delete_conversation(self, request: Request) -> Response:
        conversation = await self._conversation(request)
        await self._jobs.stop(conversation.head_id or "")
        await self._pictures.delete_conversation(owner_of(request), conversation.id)
        return go_to(request, "/")

    async def watch_message(self, request: Request) -> Response:
        job = self._jobs.find(request.path_params["message_id"])
        message = await self._message(request)
        if job is None:
            return EventStreamResponse(finished_answer(message, render_final))
        return EventStreamResponse(watch_answer(job, render_final, self._pace))

    async def stop_message(self, request: Request) -> Response:
        message = await self._message(request)
        await self._jobs.stop(message.id)
        if from_htmx(request):
            return Response(render_message(await self._message(request)), media_type="text/html")
        return RedirectResponse(f"/c/{message.conversation_id}#m-{message.id}", 303)

    async def add_attachments(self, request: Request) -> Response:
        async with open_form(request) as form:
            files = chosen_files(form)
            if not files:
                raise PageError("Choose a picture.")
            added, refused = await self._add_usable(owner_of(request), files)
        if not added:
            raise refused[0]
        return page("_chips.html", attachments=added, notices=[error.message for error in refused])

    async def _add_usable(
        self, owner_id: str, files: Sequence[UploadFile]
    ) -> tuple[list[Attachment], list[PageError]]:
        added, refused = [], []
        for file in files:
            try:
                added.append(await self._pictures.add(owner_id, file))
            except PageError as error:
                refused.append(error)
        return added, refused

    async def show_attachment(self, request: Request) -> Response:
        digest = f"sha256:{request.path_params['digest']}"
        attachment = await self._store.attachment(owner_of(request), digest)
        data = await self._pictures.read(attachment)
        return Response(data, media_type=attachment.mime, headers=_PICTURE_HEADERS)

    async def discard_attachment(self, request: Request) -> Response:
        digest = f"sha256:{request.path_params['digest']}"
        await self._pictures.discard(owner_of(request), digest)
        return Response(headers={"cache-control": "no-store"})

    async def _page(self, request: Request, conversation: Conversation | None) -> Response:
        owner_id = owner_of(request)
        info = await self._catalog.current_or_none()
        settings = from_store(conversation.settings if conversation else {})
        return ChatPage(
            conversation=conversation,
            branch=await self._branch(owner_id, conversation),
            history=await self._store.listed(owner_id),
            settings=shown(settings, info),
            model=info.model if info else "",
        ).response()

    async def _branch(self, owner_id: str, conversation: Conversation | None) -> list[Message]:
        if conversation is None or conversation.head_id is None:
            return []
        jobs = self._jobs.snapshot()
        branch = await self._store.branch(owner_id, conversation.id, conversation.head_id)
        return [self._newest(message, jobs) for message in branch]

    def _newest(self, message: Message, jobs: Mapping[str, AnswerJob]) -> Message:
        """Returns what the job of a message has, which may be ahead of the store."""
        job = self._jobs.find(message.id) or jobs.get(message.id)
        if job is not None:
            return job.message
        if message.status is MessageStatus.RUNNING:
            return replace(message, status=MessageStatus.INCOMPLETE, reason=INTERRUPTED)
        return message

    async def _read_question(self, request: Request) -> Question:
        async with open_form(request) as form:
            question = read_question(form)
            await self._pictures.require(owner_of(request), question.digests)
            files = [await self._pictures.add(owner_of(request), file) for file in question.files]
        digests = dict.fromkeys([*question.digests, *(picture.digest for picture in files)])
        return Question(question.text, tuple(digests), question.settings)

    async def _ask(
        self, owner_id: str, conversation_id: str, asked: Question
    ) -> tuple[Message, Message]:
        question, answer = await self._store.add_question(
            owner_id, conversation_id, asked.text, asked.digests
        )
        build = self._request_builder(owner_id, question, asked.settings)
        self._jobs.start(owner_id, answer, build)
        return question, answer

    def _request_builder(
        self, owner_id: str, question: Message, settings: ChatSettings
    ) -> Callable[[], Awaitable[generator_pb2.GenerateTextRequest]]:
        async def build() -> generator_pb2.GenerateTextRequest:
            branch = await self._store.branch(owner_id, question.conversation_id, question.id)
            return await build_request(branch, settings, self._pictures)

        return build

    async def _conversation(self, request: Request) -> Conversation:
        return await self._store.get(owner_of(request), request.path_params["conversation_id"])

    async def _message(self, request: Request) -> Message:
        message_id = request.path_params["message_id"]
        jobs = self._jobs.snapshot()
        return self._newest(await self._store.message(owner_of(request), message_id), jobs)

    def _refuse_while_running(self, conversation: Conversation) -> None:
        job = self._jobs.find(conversation.head_id or "")
        if job is not None and not job.is_finished:
            raise PageError("Wait for the answer, or stop it first.", 409)

    async def _settings_fragment(self, settings: ChatSettings) -> Response:
        info = await self._catalog.current_or_none()
        return page("_settings_shown.html", settings=shown(settings, info))


async def _read_settings(request: Request) -> ChatSettings:
    async with open_form(request) as form:
        return from_form(form)


def title_of(text: str) -> str:
    """Returns a conversation's first title: the beginning of its first question."""
    line = " ".join(text.split())
    if not line:
        return "Picture"
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
