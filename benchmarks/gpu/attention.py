"""FlashAttention beside plain attention: the layer alone, and the whole model's prefill."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from sightline_generator.attention.base import Attention, AttentionDemand, AttentionMetadata
from sightline_generator.attention.registry import IMPLEMENTATIONS, refusal

from benchmarks.gpu.command import Options, Row, middle, ratio, run
from benchmarks.gpu.ours import GRAIN, Mode, Ours, run_to_end
from benchmarks.gpu.plain_attention import PlainAttention
from benchmarks.gpu.prompts import random_prompts
from benchmarks.gpu.timing import alternating, seconds
from benchmarks.gpu.weights import random_weights

BATCH = 4
PROMISE = 2.3
"""How many times faster than plain attention we say it is at 4 x 2,048 tokens."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measures both kinds of attention on four prompts of 2,048 tokens."""
    run("attention", measure, argv, __doc__)


def measure(options: Options) -> list[Row]:
    """Returns two rows for each implementation: one layer's attention, and a whole prefill."""
    weights = random_weights(options.config, options.device, options.dtype)
    ours = Ours(options.config, weights, options.device, options.dtype, options.attention)
    length = 64 if options.tiny else 2048
    prompts = random_prompts(options.config, BATCH, length)
    plain = PlainAttention(GRAIN, options.dtype)
    contenders = [plain, *implementations(ours.demand)]
    layer = alternating(
        {each.name: partial(layer_seconds, each, options, length) for each in contenders},
        options.rounds,
    )
    model = alternating(
        {each.name: partial(model_seconds, ours, prompts, each) for each in contenders},
        options.rounds,
    )
    return [
        row
        for each in contenders[1:]
        for row in (
            _row("one layer's attention", each.name, layer),
            _row("prefill of the whole model", each.name, model),
        )
    ]


def implementations(demand: AttentionDemand) -> list[Attention[Any]]:
    """Returns every implementation that serves here, the generator's choice first."""
    serving = [kind for kind in IMPLEMENTATIONS if refusal(kind, demand) is None]
    return [kind(kind.block_size_for(GRAIN), demand.dtype) for kind in serving]


def _row(what: str, name: str, times: dict[str, list[float]]) -> Row:
    fast, slow = middle(times[name]), middle(times["plain"])
    return {
        "what": what,
        "attention": name,
        "it, ms": ratio(fast, 1e-3),
        "plain, ms": ratio(slow, 1e-3),
        "times faster": ratio(slow, fast),
        "promise": PROMISE,
    }


@torch.inference_mode()
def layer_seconds(attention: Attention[Any], options: Options, length: int) -> float:
    """Returns the seconds of one layer's attention over four prompts, its plan not counted."""
    text, device = options.config["text_config"], options.device
    heads, kv_heads = text["num_attention_heads"], text["num_key_value_heads"]
    size = text["hidden_size"] // heads
    blocks = -(-length // attention.block_size)
    table = torch.arange(1, BATCH * blocks + 1, dtype=torch.int32, device=device)
    metadata = AttentionMetadata(
        cu_seqlens_q=torch.arange(BATCH + 1, dtype=torch.int32, device=device) * length,
        seqused_k=torch.full((BATCH,), length, dtype=torch.int32, device=device),
        block_table=table.view(BATCH, blocks),
        max_seqlen_q=length,
        max_seqlen_k=length,
        num_used_blocks=BATCH * blocks,
    )
    cache_shape = (BATCH * blocks + 1, attention.block_size, kv_heads, size)
    query = torch.ones(BATCH * length, heads, size, dtype=options.dtype, device=device)
    keys, values = (torch.ones(cache_shape, dtype=options.dtype, device=device) for _ in range(2))
    plan = attention.plan(metadata)
    return seconds(lambda: attention.forward(query, keys, values, plan, size**-0.5), device)


def model_seconds(ours: Ours, prompts: list[list[int]], attention: Attention[Any]) -> float:
    """Returns the seconds in which the model computes four prompts in one step."""
    mode = Mode(attention, graphs=False, overlap=False)
    engine = ours.engine(len(prompts[0]) + 1, BATCH, mode)
    for prompt in prompts:
        engine.add(ours.text(prompt, 1))
    return seconds(lambda: run_to_end(engine), ours.device)


if __name__ == "__main__":
    main()
