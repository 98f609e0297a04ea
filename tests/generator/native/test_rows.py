import torch
from sightline_generator.attention.base import AttentionMetadata
from sightline_generator.native.rows import Rows


def rows_of(query_lengths, key_lengths):
    starts = torch.tensor([0, *query_lengths]).cumsum(0).int()
    return Rows.of(
        AttentionMetadata(
            cu_seqlens_q=starts,
            seqused_k=torch.tensor(key_lengths, dtype=torch.int32),
            block_table=torch.zeros(len(key_lengths), 1, dtype=torch.int32),
            max_seqlen_q=max(query_lengths),
            max_seqlen_k=max(key_lengths),
        )
    )


def test_decoding_rows_see_everything():
    rows = rows_of([1, 1], [5, 9])
    assert rows.sequences.tolist() == [0, 1]
    assert rows.lengths.tolist() == [5, 9]


def test_a_prompts_rows_see_what_lies_before_them():
    rows = rows_of([1, 3, 2], [7, 3, 10])
    assert rows.sequences.tolist() == [0, 1, 1, 1, 2, 2]
    assert rows.lengths.tolist() == [7, 1, 2, 3, 9, 10]
    assert rows.lengths.dtype is rows.sequences.dtype is torch.int32
