import pytest
import torch
from sightline_generator.engine import batch
from sightline_generator.engine.batch import build_batch
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.scheduler import ScheduledChunk
from sightline_generator.engine.sequence import FeatureSpan

from tests.generator.engine.sequences import make_sequence

BLOCK_SIZE = 4
CPU = torch.device("cpu")


def chunk_of(num_prompt_tokens, answer, num_computed, num_tokens, delta=0, first_block=1):
    """Returns a chunk of a sequence whose token n has the id 100 + n."""
    sequence = make_sequence(tokens=[100 + index for index in range(num_prompt_tokens)])
    sequence.position_delta = delta
    sequence.token_ids += [100 + num_prompt_tokens + index for index in range(answer)]
    sequence.num_computed_tokens = num_computed
    num_blocks = -(-sequence.num_tokens // BLOCK_SIZE)
    sequence.block_table = list(range(first_block + num_blocks - 1, first_block - 1, -1))
    return ScheduledChunk(sequence, num_tokens)


def decoding(num_prompt_tokens, answer, delta=0, first_block=1):
    num_computed = num_prompt_tokens + answer - 1
    return chunk_of(num_prompt_tokens, answer, num_computed, 1, delta, first_block)


def test_decoding_step_equals_the_general_layout(monkeypatch):
    chunks = [decoding(3, 1), decoding(6, 7, delta=-2, first_block=5), decoding(8, 1)]
    quick = build_batch(chunks, BLOCK_SIZE, CPU)
    monkeypatch.setattr(batch, "_decodes", lambda chunk: False)
    general = build_batch(chunks, BLOCK_SIZE, CPU)
    for name in ("token_ids", "position_ids", "slot_mapping"):
        assert torch.equal(getattr(quick, name), getattr(general, name)), name


def test_decoding_step_wants_the_logits_of_every_row():
    assert build_batch([decoding(3, 1), decoding(2, 5)], BLOCK_SIZE, CPU).logit_rows is None


def test_mixed_step_lays_chunks_one_after_the_other():
    chunks = [decoding(3, 2, delta=5), chunk_of(6, 0, 1, 4), chunk_of(2, 3, 0, 5, delta=7)]
    built = build_batch(chunks, BLOCK_SIZE, CPU)
    assert built.token_ids.tolist() == [104, 101, 102, 103, 104, 100, 101, 102, 103, 104]
    assert built.position_ids[0].tolist() == [9, 1, 2, 3, 4, 0, 1, 9, 10, 11]
    assert torch.equal(built.position_ids, built.position_ids[:1].expand(3, -1))
    assert built.slot_mapping.tolist() == [4, 9, 10, 11, 4, 8, 9, 10, 11, 4]
    assert built.logit_rows.tolist() == [0, 9]
    assert built.attention.cu_seqlens_q.tolist() == [0, 1, 5, 10]
    assert built.attention.seqused_k.tolist() == [5, 5, 5]


@pytest.mark.parametrize("chunks", [[chunk_of(6, 0, 0, 4)], [chunk_of(6, 0, 0, 1)]])
def test_unfinished_prompt_wants_no_logits(chunks):
    rows = build_batch(chunks, BLOCK_SIZE, CPU).logit_rows
    assert rows.dtype is torch.int64
    assert len(rows) == 0


@pytest.mark.parametrize("num_computed, num_tokens", [(0, 9), (0, 5), (4, 5), (3, 3)])
def test_every_part_of_features_takes_its_own_rows(num_computed, num_tokens):
    """A medium of six rows at places 2 to 8, which came in three parts."""
    features = torch.arange(6.0)[:, None]
    chunk = chunk_of(9, 0, num_computed, num_tokens)
    parts = FeatureRows(features.split([1, 3, 2]))
    chunk.sequence.feature_spans.append(FeatureSpan(2, 6, "key", parts))
    flat = torch.full((1 + num_tokens, 1), -1.0)
    for copy in build_batch([decoding(3, 1), chunk], BLOCK_SIZE, CPU).features:
        flat[copy.row : copy.row + len(copy.features)] = copy.features
    text = torch.full((1, 1), -1.0)
    laid_out = torch.cat([text, text, features, text])[num_computed : num_computed + num_tokens]
    assert torch.equal(flat, torch.cat([text, laid_out]))
