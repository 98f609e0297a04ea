"""Endpoints of one message: watched, stopped, asked again, reworded."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import open_form, read_text
from sightline_web.chat.pace import Pace
from sightline_web.chat.requests import from_htmx, owner_of
from sightline_web.chat.threads import Threads
from sightline_web.chat.views import MessageView, ThreadView
from sightline_web.chat.watching import finished_answer, watch_answer
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.sse import EventStreamResponse
from sightline_web.store.records import Message, Role
from sightline_web.store.versions import Versions


class MessageRoutes:
    """What a person does with a message. Each form works with and without htmx."""

    def __init__(self, threads: Threads, versions: Versions) -> None:
        self._threads = threads
        self._versions = versions
        self._pace = Pace()

    def routes(self) -> list[Route]:
        return [
            Route("/m/{message_id}/stream", self.watch),
            Route("/m/{message_id}/stop", self.stop, methods=["POST"]),
            Route("/m/{message_id}/regenerate", self.regenerate, methods=["POST"]),
            Route("/m/{message_id}/continue", self.go_on, methods=["POST"]),
            Route("/m/{message_id}/edit", self.show_edit),
            Route("/m/{message_id}/edit", self.edit, methods=["POST"]),
            Route("/m/{message_id}/show", self.show, methods=["POST"]),
        ]

    async def watch(self, request: Request) -> Response:
        job = self._threads.jobs.find(request.path_params["message_id"])
        message = await self._threads.message(request)
        view = await self._view(request, message)
        if job is None:
            return EventStreamResponse(finished_answer(message, view.render_final))
        return EventStreamResponse(watch_answer(job, view.render_final, self._pace))

    async def stop(self, request: Request) -> Response:
        message = await self._threads.message(request)
        await self._threads.jobs.stop(message.id)
        return await self._message(request, await self._threads.message(request))

    async def regenerate(self, request: Request) -> Response:
        answer = await self._changeable(request, Role.ASSISTANT)
        added = await self._versions.add_answer(owner_of(request), answer)
        await self._threads.answer_again(owner_of(request), added)
        return await self._thread(request, added)

    async def go_on(self, request: Request) -> Response:
        """Continues the last answer when it was cut off."""
        answer = await self._changeable(request, Role.ASSISTANT)
        conversation = await self._threads.store.get(owner_of(request), answer.conversation_id)
        if not answer.is_cut_off or conversation.head_id != answer.id:
            raise _not_with_this_message()
        resumed = await self._versions.resume(owner_of(request), answer)
        await self._threads.answer_again(owner_of(request), resumed)
        return await self._message(request, resumed)

    async def show_edit(self, request: Request) -> Response:
        """Returns the form that rewords a question, for its place in the page."""
        message = await self._threads.message(request)
        if message.role is not Role.USER:
            raise _not_with_this_message()
        if not from_htmx(request):
            return RedirectResponse(_place(message), 303, {"cache-control": "no-store"})
        return page("_edit_form.html", message=message)

    async def edit(self, request: Request) -> Response:
        async with open_form(request) as form:
            text = read_text(form)
        question = await self._changeable(request, Role.USER)
        if not (text or question.attachments):
            raise PageError(translated("Write a question or add a picture."))
        _, answer = await self._versions.add_question(owner_of(request), question, text)
        await self._threads.answer_again(owner_of(request), answer)
        return await self._thread(request, answer)

    async def show(self, request: Request) -> Response:
        message = await self._threads.message(request)
        await self._threads.idle_conversation(owner_of(request), message.conversation_id)
        await self._versions.show(owner_of(request), message)
        return await self._thread(request, message)

    async def _view(self, request: Request, message: Message) -> MessageView:
        excerpt = await self._threads.excerpt_of(owner_of(request), message)
        return ThreadView(message.conversation_id, excerpt).views[-1].of(message)

    async def _changeable(self, request: Request, role: Role) -> Message:
        """Returns a message that may get another version; PageError otherwise."""
        message = await self._threads.message(request)
        await self._threads.idle_conversation(owner_of(request), message.conversation_id)
        if message.role is not role:
            raise _not_with_this_message()
        return message

    async def _message(self, request: Request, message: Message) -> Response:
        """Returns one message as it is now, or the page at it."""
        if from_htmx(request):
            return HTMLResponse((await self._view(request, message)).render())
        return RedirectResponse(_place(message), 303)

    async def _thread(self, request: Request, message: Message) -> Response:
        """Returns the messages that are shown now, or the page at one of them."""
        if not from_htmx(request):
            return RedirectResponse(_place(message, f"?from={message.id}"), 303)
        owner_id = owner_of(request)
        conversation = await self._threads.store.get(owner_id, message.conversation_id)
        excerpt = await self._threads.newest(owner_id, conversation, message.id)
        return ThreadView(conversation.id, excerpt).response()


def _not_with_this_message() -> PageError:
    return PageError(translated("This cannot be done with this message."))


def _place(message: Message, query: str = "") -> str:
    return f"/c/{message.conversation_id}{query}#m-{message.id}"
