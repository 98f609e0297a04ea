"""The chat page's endpoints: pages, questions and settings. Each form works without htmx."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline_web.catalog import ModelCatalog
from sightline_web.chat.forms import open_form, read_question, read_text
from sightline_web.chat.history_routes import searched_words
from sightline_web.chat.presets import PRESETS
from sightline_web.chat.requests import from_htmx, go_to, owner_of
from sightline_web.chat.settings import ChatSettings, from_form, from_store, shown
from sightline_web.chat.threads import Threads
from sightline_web.chat.titles import title_of
from sightline_web.chat.uploads import Uploads
from sightline_web.chat.views import ChatPage, ThreadView, exchange
from sightline_web.pages import page
from sightline_web.store.history import History
from sightline_web.store.presets import Presets
from sightline_web.store.records import Conversation, Message, NotFoundError
from sightline_web.store.shares import Shares


@dataclass(frozen=True)
class Question:
    """A question whose pictures are stored."""

    text: str
    digests: tuple[str, ...]
    settings: ChatSettings


class ChatPages:
    """Pages and fragments over conversations and jobs."""

    def __init__(
        self,
        threads: Threads,
        history: History,
        shares: Shares,
        uploads: Uploads,
        catalog: ModelCatalog,
        presets: Presets,
    ) -> None:
        self._threads = threads
        self._history = history
        self._shares = shares
        self._uploads = uploads
        self._catalog = catalog
        self._presets = presets

    def routes(self) -> list[Route]:
        return [
            Route("/", self.show_start),
            Route("/c", self.create_conversation, methods=["POST"]),
            Route("/c/{conversation_id}", self.show_conversation),
            Route("/c/{conversation_id}/earlier", self.show_earlier),
            Route("/c/{conversation_id}/messages", self.add_message, methods=["POST"]),
            Route("/c/{conversation_id}/settings", self.show_panel),
            Route("/c/{conversation_id}/settings", self.save_settings, methods=["POST"]),
            Route("/settings", self.show_panel),
            Route("/settings", self.show_settings, methods=["POST"]),
            Route("/presets/{name}", self.choose_preset, methods=["POST"]),
        ]

    async def show_start(self, request: Request) -> Response:
        return await self._page(request, None)

    async def show_conversation(self, request: Request) -> Response:
        return await self._page(request, await self._threads.conversation(request))

    async def show_earlier(self, request: Request) -> Response:
        """Returns the messages before one of them, for the thread."""
        conversation = await self._threads.conversation(request)
        if not from_htmx(request):
            return RedirectResponse(f"/c/{conversation.id}", 303, {"cache-control": "no-store"})
        before_id = request.query_params.get("before", "")
        excerpt = await self._threads.before(owner_of(request), conversation, before_id)
        return ThreadView(conversation.id, excerpt, is_end=False).earlier()

    async def create_conversation(self, request: Request) -> Response:
        owner_id = owner_of(request)
        asked = await self._read_question(request)
        conversation_id = await self._threads.store.create(
            owner_id, title_of(asked.text), asked.settings.stored()
        )
        await self._ask(owner_id, conversation_id, asked)
        return go_to(request, f"/c/{conversation_id}")

    async def add_message(self, request: Request) -> Response:
        owner_id = owner_of(request)
        conversation = await self._threads.conversation(request)
        self._threads.refuse_while_running(conversation)
        asked = await self._read_question(request)
        self._threads.refuse_while_running(await self._threads.conversation(request))
        await self._threads.store.save_settings(owner_id, conversation.id, asked.settings.stored())
        question, answer = await self._ask(owner_id, conversation.id, asked)
        if from_htmx(request):
            takes_videos = await self._uploads.videos_supported()
            return exchange(conversation.id, question, answer, takes_videos)
        return RedirectResponse(f"/c/{conversation.id}#m-{answer.id}", 303)

    async def show_panel(self, request: Request) -> Response:
        """Returns the settings' fields, for their place in the page."""
        conversation_id = request.path_params.get("conversation_id", "")
        conversation = await self._threads.conversation(request) if conversation_id else None
        if not from_htmx(request):
            place = f"/c/{conversation_id}" if conversation_id else "/"
            return RedirectResponse(place, 303, {"cache-control": "no-store"})
        return page(
            "_settings_panel.html",
            settings=shown(_kept_settings(conversation), await self._catalog.current_or_none()),
            own_presets=await self._presets.listed(owner_of(request)),
            conversation_id=conversation_id,
        )

    async def save_settings(self, request: Request) -> Response:
        conversation = await self._threads.conversation(request)
        settings = await _read_settings(request)
        await self._threads.store.save_settings(
            owner_of(request), conversation.id, settings.stored()
        )
        if from_htmx(request):
            return await self._settings_fragment(settings)
        return RedirectResponse(f"/c/{conversation.id}", 303)

    async def show_settings(self, request: Request) -> Response:
        return await self._settings_fragment(await _read_settings(request))

    async def choose_preset(self, request: Request) -> Response:
        """Fills the settings in; they are kept with the next question or change."""
        settings = await self._preset(request)
        if from_htmx(request):
            info = await self._catalog.current_or_none()
            return page("_settings_chosen.html", settings=shown(settings, info))
        async with open_form(request) as form:
            draft = read_text(form)
        conversation_id = request.query_params.get("conversation")
        conversation = await self._conversation(request, conversation_id)
        return await self._page(request, conversation, settings, draft)

    async def _preset(self, request: Request) -> ChatSettings:
        name = request.path_params["name"]
        if name in PRESETS:
            return PRESETS[name][1]
        for preset in await self._presets.listed(owner_of(request)):
            if preset.id == name:
                return from_store(preset.settings)
        raise NotFoundError

    async def _conversation(
        self, request: Request, conversation_id: str | None
    ) -> Conversation | None:
        if not conversation_id:
            return None
        return await self._threads.store.get(owner_of(request), conversation_id)

    async def _page(
        self,
        request: Request,
        conversation: Conversation | None,
        settings: ChatSettings | None = None,
        draft: str = "",
    ) -> Response:
        """Returns the page, with the conversation's own settings unless others are given."""
        owner_id = owner_of(request)
        info = await self._catalog.current_or_none()
        settings = settings or _kept_settings(conversation)
        words = searched_words(request)
        return ChatPage(
            conversation=conversation,
            thread=await self._thread(request, conversation),
            history=await self._history.listed(owner_id, words),
            words=words,
            removed=await self._removed(request),
            is_shared=await self._is_shared(owner_id, conversation),
            settings=shown(settings, info),
            model=info.model if info else "",
            takes_videos=await self._uploads.videos_supported(),
            own_presets=await self._presets.listed(owner_id),
            draft=draft,
        ).response()

    async def _thread(self, request: Request, conversation: Conversation | None) -> ThreadView:
        if conversation is None:
            return ThreadView()
        first_id = request.query_params.get("from", "")
        excerpt = await self._threads.newest(owner_of(request), conversation, first_id)
        return ThreadView(conversation.id, excerpt)

    async def _is_shared(self, owner_id: str, conversation: Conversation | None) -> bool:
        if conversation is None:
            return False
        return await self._shares.count(owner_id, conversation.id) > 0

    async def _removed(self, request: Request) -> Conversation | None:
        """Returns the conversation that was just removed and can be restored."""
        try:
            conversation_id = request.query_params.get("removed", "")
            found = await self._threads.store.get(owner_of(request), conversation_id)
        except NotFoundError:
            return None
        return found if found.is_removed else None

    async def _read_question(self, request: Request) -> Question:
        pictures, owner_id = self._threads.pictures, owner_of(request)
        async with open_form(request) as form:
            question = read_question(form)
            await pictures.require(owner_id, question.digests)
            files = [
                picture
                for file in question.files
                for picture in await self._uploads.add(owner_id, file, question.pages)
            ]
        if (example := question.example) is not None:
            files.append(await pictures.keep(owner_id, example.data(), example.name))
        digests = dict.fromkeys([*question.digests, *(picture.digest for picture in files)])
        return Question(question.text, tuple(digests), question.settings)

    async def _ask(
        self, owner_id: str, conversation_id: str, asked: Question
    ) -> tuple[Message, Message]:
        question, answer = await self._threads.store.add_question(
            owner_id, conversation_id, asked.text, asked.digests
        )
        self._threads.answer(owner_id, answer, asked.settings)
        return question, answer

    async def _settings_fragment(self, settings: ChatSettings) -> Response:
        info = await self._catalog.current_or_none()
        return page("_settings_shown.html", settings=shown(settings, info))


def _kept_settings(conversation: Conversation | None) -> ChatSettings:
    return from_store(conversation.settings if conversation else {})


async def _read_settings(request: Request) -> ChatSettings:
    async with open_form(request) as form:
        return from_form(form)
