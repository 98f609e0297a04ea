"""Conversations, their owners and what survives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.history import History
from sightline_web.store.records import Attachment, MessageStatus, NotFoundError, Role
from sightline_web.store.tables import metadata
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from tests.web.store.conftest import NewUrl

A, B = "anna", "boris"
CAT = Attachment("sha256:" + "c" * 64, "image/png", "cat.png", 10)


def described(connection: Connection) -> dict[str, set[tuple[str, str, bool]]]:
    schema = inspect(connection)
    return {
        table: {
            (column["name"], str(column["type"]), column["nullable"])
            for column in schema.get_columns(table)
        }
        for table in schema.get_table_names()
        if table != "alembic_version"
    }


async def test_migrations_from_empty_give_the_declared_tables(
    database: Database, new_url: NewUrl
) -> None:
    declared = Database(new_url())
    async with declared.writing() as connection:
        await connection.run_sync(metadata.create_all)
        wanted = await connection.run_sync(described)
    await declared.close()
    async with database.reading() as connection:
        assert await connection.run_sync(described) == wanted


async def test_migrating_again_keeps_everything(
    database: Database, store: ConversationStore
) -> None:
    await store.create(A, "First", {})
    await database.migrate()
    assert [entry.title for entry in await History(database).listed(A)] == ["First"]


@pytest.mark.parametrize("new_url", ["sqlite"], indirect=True)
async def test_sqlite_waits_for_locks_and_writes_ahead(database: Database) -> None:
    async with database.reading() as connection:
        mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar()
        keys = (await connection.execute(text("PRAGMA foreign_keys"))).scalar()
    assert (mode, keys) == ("wal", 1)


async def test_failed_transaction_leaves_nothing(
    database: Database, store: ConversationStore
) -> None:
    conversation_id = await store.create(A, "First", {})
    with pytest.raises(NotFoundError):
        await store.add_question(A, conversation_id, "Look", [CAT.digest])
    assert (await store.get(A, conversation_id)).head_id is None
    async with database.reading() as connection:
        rows = await connection.execute(select(metadata.tables["messages"]))
        assert rows.all() == []


async def test_branch_follows_parents_from_the_head(store: ConversationStore) -> None:
    conversation_id = await store.create(A, "First", {"temperature": 0.5})
    await store.add_attachment(A, CAT)
    await store.add_question(A, conversation_id, "One", [CAT.digest])
    _, answer = await store.add_question(A, conversation_id, "Two", [])
    conversation = await store.get(A, conversation_id)
    branch = await store.branch(A, conversation_id, conversation.head_id or "")
    assert conversation.head_id == answer.id
    assert conversation.settings == {"temperature": 0.5}
    assert [(message.role, message.text) for message in branch] == [
        (Role.USER, "One"),
        (Role.ASSISTANT, ""),
        (Role.USER, "Two"),
        (Role.ASSISTANT, ""),
    ]
    assert branch[0].attachments == (CAT,)


async def test_saved_answer_is_found_again(store: ConversationStore) -> None:
    conversation_id = await store.create(A, "First", {})
    _, answer = await store.add_question(A, conversation_id, "One", [])
    done = replace(
        answer, text="Ja\0", status=MessageStatus.COMPLETE, reason="LENGTH", stats={"x": 1}
    )
    await store.save_answer(A, done)
    found = await store.message(A, answer.id)
    assert found == replace(done, text="Ja\N{REPLACEMENT CHARACTER}")


async def test_title_is_made_storable(store: ConversationStore) -> None:
    conversation_id = await store.create(A, "Ja\0", {})
    assert (await store.get(A, conversation_id)).title == "Ja\N{REPLACEMENT CHARACTER}"


async def test_failed_statement_does_not_tell_what_people_wrote(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO nothing VALUES (:x)"), {"x": "my secret"})
    assert "my secret" not in str(caught.value)


async def test_answers_left_running_become_incomplete(store: ConversationStore) -> None:
    conversation_id = await store.create(A, "First", {})
    _, answer = await store.add_question(A, conversation_id, "One", [])
    assert await store.interrupt_running() == 1
    found = await store.message(A, answer.id)
    assert (found.status, found.reason) == (MessageStatus.INCOMPLETE, "INTERRUPTED")


async def test_other_owners_reach_nothing(database: Database, store: ConversationStore) -> None:
    conversation_id = await store.create(A, "Secret", {})
    await store.add_attachment(A, CAT)
    question, answer = await store.add_question(A, conversation_id, "One", [CAT.digest])
    own = await store.create(B, "Own", {})
    refused = [
        store.get(B, conversation_id),
        store.message(B, question.id),
        store.attachment(B, CAT.digest),
        store.save_settings(B, conversation_id, {}),
        store.delete(B, conversation_id),
        store.add_question(B, conversation_id, "Two", []),
        store.add_question(B, own, "Mine now", [CAT.digest]),
    ]
    for attempt in refused:
        with pytest.raises(NotFoundError):
            await attempt
    await store.save_answer(B, replace(answer, text="forged"))
    await store.release_attachments(B, [CAT.digest])
    assert await store.branch(B, conversation_id, answer.id) == []
    assert [entry.title for entry in await History(database).listed(B)] == ["Own"]
    assert (await store.message(A, answer.id)).text == ""
    assert await store.attachment(A, CAT.digest) == CAT


async def test_deleting_returns_files_that_nobody_uses(
    database: Database, store: ConversationStore
) -> None:
    await store.add_attachment(A, CAT)
    first, second = [await store.create(A, title, {}) for title in ("First", "Second")]
    for conversation_id in (first, second):
        await store.add_question(A, conversation_id, "One", [CAT.digest])
    assert await store.delete(A, first) == []
    assert await store.delete(A, second) == [CAT.digest]
    assert await History(database).listed(A) == []


async def test_file_of_another_owner_is_kept(store: ConversationStore) -> None:
    await store.add_attachment(A, CAT)
    await store.add_attachment(B, CAT)
    assert await store.release_attachments(A, [CAT.digest]) == []
    assert await store.release_attachments(B, [CAT.digest]) == [CAT.digest]


async def test_only_pictures_never_sent_are_abandoned(store: ConversationStore) -> None:
    dog = replace(CAT, digest="sha256:" + "d" * 64)
    conversation_id = await store.create(A, "First", {})
    for picture in (CAT, dog):
        await store.add_attachment(A, picture)
    await store.add_question(A, conversation_id, "One", [CAT.digest])
    assert await store.release_abandoned(older_than_s=60) == []
    assert await store.release_abandoned(older_than_s=-60) == [dog.digest]
    assert await store.attachment(A, CAT.digest) == CAT


async def test_last_used_conversation_is_listed_first(
    database: Database, store: ConversationStore
) -> None:
    first = await store.create(A, "First", {})
    await store.create(A, "Second", {})
    await store.add_question(A, first, "Again", [])
    assert (await History(database).listed(A))[0].id == first
