import torch
from sightline_generator.engine.sequence import PendingToken, SequenceStatus
from sightline_generator.engine.token_table import FIRST_ROWS, FIRST_WIDTH, TokenTable

from tests.generator.engine.sequences import make_sequence

CPU = torch.device("cpu")


def running(tokens):
    sequence = make_sequence(tokens=tokens)
    sequence.status = SequenceStatus.RUNNING
    return sequence


def rows(table, sequences):
    taken = table.take(sequences, CPU).tolist()
    return [row[: seq.num_tokens] for row, seq in zip(taken, sequences, strict=True)]


def await_tokens(sequences, token_ids):
    sampled = torch.tensor(token_ids)
    for row, sequence in enumerate(sequences):
        sequence.await_token(PendingToken(sampled, row))
    return sampled


def test_tokens_are_there_before_the_host_knows_them():
    table = TokenTable()
    sequences = [running([1, 2, 3]), running([4])]
    assert rows(table, sequences) == [[1, 2, 3], [4]]
    table.append(sequences, await_tokens(sequences, [7, 8]))
    assert rows(table, sequences) == [[1, 2, 3, 7], [4, 8]]
    for sequence, token in zip(sequences, [7, 8], strict=True):
        sequence.learn_token(token)
    table.append(sequences, await_tokens(sequences, [5, 6]))
    assert rows(table, sequences) == [[1, 2, 3, 7, 5], [4, 8, 6]]


def test_what_was_appended_is_not_copied_again(monkeypatch):
    table, sequence = TokenTable(), running([1, 2])
    table.take([sequence], CPU)
    monkeypatch.setattr(table, "_write", None)
    for token in (3, 4):
        table.append([sequence], await_tokens([sequence], [token]))
        sequence.learn_token(token)
    assert rows(table, [sequence]) == [[1, 2, 3, 4]]


def test_row_that_missed_a_token_takes_the_pending_one_from_the_device():
    table, sequence, other = TokenTable(), running([1, 2]), running([9])
    await_tokens([other, sequence], [4, 5])
    assert rows(table, [sequence]) == [[1, 2, 5]]


def test_rows_of_who_runs_no_more_are_taken_over_and_others_kept(monkeypatch):
    table = TokenTable()
    old = [running([number]) for number in range(FIRST_ROWS)]
    rows(table, old)
    old[3].status = SequenceStatus.WAITING
    late = running([70, 71])
    assert rows(table, [late]) == [[70, 71]]
    assert len(table._table) == FIRST_ROWS
    with monkeypatch.context() as nothing_is_copied:
        nothing_is_copied.setattr(table, "_write", None)
        assert rows(table, [*old[:3], *old[4:], late])[:3] == [[0], [1], [2]]
    old[3].status = SequenceStatus.RUNNING
    assert rows(table, [*old, late]) == [[number] for number in range(FIRST_ROWS)] + [[70, 71]]


def test_growth_keeps_what_is_there():
    table, sequence = TokenTable(), running([1, 2, 3])
    rows(table, [sequence])
    long = running(list(range(FIRST_WIDTH)))
    assert rows(table, [long, sequence]) == [list(range(FIRST_WIDTH)), [1, 2, 3]]
