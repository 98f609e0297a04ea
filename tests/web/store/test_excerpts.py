"""The end of a long branch, and what is told of the rest."""

from __future__ import annotations

import pytest
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.excerpts import Excerpt, Excerpts
from sightline_web.store.records import Attachment, Message
from sightline_web.store.versions import Versions

A, B = "anna", "boris"
CAT = Attachment("sha256:" + "c" * 64, "image/png", "cat.png", 10)


async def five_exchanges(store: ConversationStore) -> list[Message]:
    conversation_id = await store.create(A, "Long", {})
    await store.add_attachment(A, CAT)
    said: list[Message] = []
    for number in range(5):
        pictures = [CAT.digest] if number == 1 else []
        said += await store.add_question(A, conversation_id, f"{number}", pictures)
    return said


def ids(excerpt: Excerpt) -> list[str]:
    return [message.id for message in excerpt.messages]


async def test_excerpt_is_the_end_of_the_branch_and_names_what_came_before(
    database: Database, store: ConversationStore
) -> None:
    said = await five_exchanges(store)
    last, all_ids = said[-1], [message.id for message in said]
    read = Excerpts(database).read
    short = await read(A, last.conversation_id, last.id, 4)
    assert (ids(short), list(short.earlier_ids)) == (all_ids[6:], all_ids[:6])
    assert short.picture == CAT
    reaching = await read(A, last.conversation_id, last.id, 4, all_ids[2])
    assert (ids(reaching), reaching.picture) == (all_ids[2:], None)
    assert reaching.messages[0].attachments == (CAT,)
    assert ids(await read(A, last.conversation_id, last.id, 4, all_ids[8])) == all_ids[6:]
    assert ids(await read(A, last.conversation_id, last.id, 4, "none")) == all_ids[6:]
    assert ids(await read(A, last.conversation_id, last.id, 40)) == all_ids
    assert await read(B, last.conversation_id, last.id, 40) == Excerpt()


async def test_excerpt_holds_what_the_whole_branch_does(
    database: Database, store: ConversationStore
) -> None:
    said = await five_exchanges(store)
    added = await Versions(database).add_answer(A, said[-1])
    whole = await store.branch(A, added.conversation_id, added.id)
    excerpt = await Excerpts(database).read(A, added.conversation_id, added.id, 3)
    assert excerpt.messages == tuple(whole[-3:])
    assert excerpt.messages[-1].versions == (said[-1].id, added.id)


async def test_excerpt_is_bounded(
    database: Database, store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_web.store.excerpts.MAX_MESSAGES", 3)
    said = await five_exchanges(store)
    excerpt = await Excerpts(database).read(A, said[0].conversation_id, said[-1].id, 2, said[0].id)
    assert ids(excerpt) == [message.id for message in said[-3:]]
