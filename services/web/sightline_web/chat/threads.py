"""Conversations as they are now: what is stored, and what jobs have added to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from sightline.generator.v1 import generator_pb2
from starlette.requests import Request

from sightline_web.chat.answer_job import AnswerJob
from sightline_web.chat.errors import PageError
from sightline_web.chat.jobs import AnswerJobs
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.prompts import build_request
from sightline_web.chat.requests import owner_of
from sightline_web.chat.settings import ChatSettings, from_store
from sightline_web.language import translated
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.excerpts import Excerpt, Excerpts
from sightline_web.store.records import (
    INTERRUPTED,
    Conversation,
    Message,
    MessageStatus,
    NotFoundError,
)

NUM_SHOWN = 40
"""Messages of a page; those before are shown when somebody asks for them."""


@dataclass(frozen=True)
class Threads:
    """Reads conversations for requests, and starts answers."""

    store: ConversationStore
    excerpts: Excerpts
    pictures: Pictures
    jobs: AnswerJobs

    async def conversation(self, request: Request) -> Conversation:
        """Returns the conversation that a path names; NotFoundError when it was removed."""
        conversation_id = request.path_params["conversation_id"]
        conversation = await self.store.get(owner_of(request), conversation_id)
        if conversation.is_removed:
            raise NotFoundError
        return conversation

    async def message(self, request: Request) -> Message:
        """Returns the message that a path names, as far as it has come."""
        jobs = self.jobs.snapshot()
        found = await self.store.message(owner_of(request), request.path_params["message_id"])
        return self._newest(found, jobs)

    async def newest(
        self, owner_id: str, conversation: Conversation, first_id: str = ""
    ) -> Excerpt:
        """Returns the last messages of the branch, with `first_id` where it is one of them."""
        if conversation.head_id is None:
            return Excerpt()
        jobs = self.jobs.snapshot()
        found = await self.excerpts.read(
            owner_id, conversation.id, conversation.head_id, NUM_SHOWN, first_id
        )
        return replace(found, messages=tuple(self._newest(each, jobs) for each in found.messages))

    async def before(self, owner_id: str, conversation: Conversation, message_id: str) -> Excerpt:
        """Returns the messages before one of them."""
        message = await self.store.message(owner_id, message_id)
        last_id = message.parent_id or ""
        return await self.excerpts.read(owner_id, conversation.id, last_id, NUM_SHOWN)

    async def excerpt_of(self, owner_id: str, message: Message) -> Excerpt:
        """Returns one message with what is known of those before."""
        return await self.excerpts.read(owner_id, message.conversation_id, message.id, 1)

    async def branch(self, owner_id: str, conversation: Conversation) -> list[Message]:
        """Returns all messages of the branch that is shown, oldest first."""
        if conversation.head_id is None:
            return []
        jobs = self.jobs.snapshot()
        branch = await self.store.branch(owner_id, conversation.id, conversation.head_id)
        return [self._newest(message, jobs) for message in branch]

    def refuse_while_running(self, conversation: Conversation) -> None:
        """Raises PageError while the last answer is being written."""
        job = self.jobs.find(conversation.head_id or "")
        if job is not None and not job.is_finished:
            raise PageError(translated("Wait for the answer, or stop it first."), 409)

    async def idle_conversation(self, owner_id: str, conversation_id: str) -> Conversation:
        """Returns a conversation that may be changed; PageError while an answer runs."""
        conversation = await self.store.get(owner_id, conversation_id)
        self.refuse_while_running(conversation)
        return conversation

    def answer(self, owner_id: str, answer: Message, settings: ChatSettings) -> None:
        """Begins to generate a running answer to its parent, or goes on with one that has begun."""
        last_id = answer.id if answer.has_begun else answer.parent_id or ""
        builder = self._request_builder(owner_id, answer.conversation_id, last_id, settings)
        self.jobs.start(owner_id, answer, builder)

    async def answer_again(self, owner_id: str, answer: Message) -> None:
        """Like `answer`, with the settings that the conversation keeps."""
        conversation = await self.store.get(owner_id, answer.conversation_id)
        self.answer(owner_id, answer, from_store(conversation.settings))

    def _request_builder(
        self, owner_id: str, conversation_id: str, last_id: str, settings: ChatSettings
    ) -> Callable[[], Awaitable[generator_pb2.GenerateTextRequest]]:
        async def build() -> generator_pb2.GenerateTextRequest:
            branch = await self.store.branch(owner_id, conversation_id, last_id)
            return await build_request(branch, settings, self.pictures)

        return build

    def _newest(self, message: Message, jobs: Mapping[str, AnswerJob]) -> Message:
        """Returns what the job of a message has, which may be ahead of the store."""
        job = self.jobs.find(message.id) or jobs.get(message.id)
        if job is not None:
            return replace(job.message, versions=message.versions)
        if message.status is MessageStatus.RUNNING:
            return replace(message, status=MessageStatus.INCOMPLETE, reason=INTERRUPTED)
        return message
