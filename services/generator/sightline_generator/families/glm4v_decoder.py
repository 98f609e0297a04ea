"""GLM-4V's decoder: what the checkpoint means, and nothing else per layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from sightline_common.checkpoint import CheckpointError
from sightline_common.native.packed_weight import panel_width
from torch.nn.functional import embedding, silu
from transformers import Glm4vTextConfig

from sightline_generator.families.base import AttendFunction, Caches, NativeForward
from sightline_generator.families.glm4v_rotary import rotary_of
from sightline_generator.families.projection import MakeProjection, PackedProjection, Projection
from sightline_generator.families.rotary import rotate
from sightline_generator.native.decoder import DecoderSpec, LayerWeights, NativeDecoder
from sightline_generator.native.library import library
from sightline_generator.native.rows import Rows


class TensorSource:
    """Hands out a checkpoint's tensors, each once and in the shape that is expected.

    What is taken leaves the mapping, so that no weight stays in memory twice.
    """

    def __init__(self, tensors: dict[str, torch.Tensor], device: torch.device) -> None:
        self._tensors = tensors
        self._device = device

    def take(self, name: str, *shape: int) -> torch.Tensor:
        """Returns a tensor on the device; raises CheckpointError if it is missing or misshapen."""
        tensor = self._tensors.pop(name, None)
        if tensor is None:
            raise CheckpointError(f"The weights do not fit config.json: {name} is missing.")
        if tensor.shape != shape:
            raise CheckpointError(
                f"The weights do not fit config.json: {name} has shape {tuple(tensor.shape)} "
                f"instead of {shape}."
            )
        return tensor.to(self._device)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def check_empty(self) -> None:
        """Raises CheckpointError when tensors are left that nobody took."""
        if self._tensors:
            left = ", ".join(sorted(self._tensors)[:3])
            raise CheckpointError(f"The weights do not fit config.json: {left} is unexpected.")


@dataclass(frozen=True)
class DecoderSizes:
    """Gives the sizes of one decoder layer."""

    hidden: int
    num_heads: int
    num_kv_heads: int
    head: int

    @classmethod
    def of(cls, config: Glm4vTextConfig) -> DecoderSizes:
        return cls(
            hidden=config.hidden_size,
            num_heads=config.num_attention_heads,
            num_kv_heads=config.num_key_value_heads,
            head=config.hidden_size // config.num_attention_heads,
        )


@dataclass(frozen=True)
class Norm:
    """Normalises by the root mean square (Zhang and Sennrich, 2019)."""

    weight: torch.Tensor
    eps: float

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.rms_norm(hidden, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True)
class DecoderStep:
    """Holds what all layers of one step share."""

    rotations: torch.Tensor
    attend: AttendFunction


class SelfAttention:
    """Projects to query, key and value at once, rotates, attends, and projects back."""

    def __init__(
        self, index: int, sizes: DecoderSizes, source: TensorSource, make: MakeProjection
    ) -> None:
        self._index = index
        self._sizes = sizes
        self._scale = sizes.head**-0.5
        prefix = f"layers.{index}.self_attn."
        widths = {"q": sizes.num_heads, "k": sizes.num_kv_heads, "v": sizes.num_kv_heads}
        rows = {name: count * sizes.head for name, count in widths.items()}
        weights = [
            source.take(f"{prefix}{n}_proj.weight", r, sizes.hidden) for n, r in rows.items()
        ]
        biases = [source.take(f"{prefix}{name}_proj.bias", row) for name, row in rows.items()]
        self._qkv = make(torch.cat(weights), torch.cat(biases))
        self._out = make(source.take(f"{prefix}o_proj.weight", sizes.hidden, rows["q"]), None)

    def __call__(self, hidden: torch.Tensor, step: DecoderStep) -> torch.Tensor:
        num_tokens, sizes = len(hidden), self._sizes
        num_rotated = sizes.num_heads + sizes.num_kv_heads
        heads = self._qkv(hidden).view(num_tokens, -1, sizes.head)
        rotate(heads[:, :num_rotated], step.rotations)
        attended = step.attend(
            self._index,
            heads[:, : sizes.num_heads],
            heads[:, sizes.num_heads : num_rotated],
            heads[:, num_rotated:],
            self._scale,
        )
        return self._out(attended.reshape(num_tokens, -1))

    @property
    def projections(self) -> tuple[Projection, Projection]:
        """Query, key and value at once, and output."""
        return self._qkv, self._out


class GatedMlp:
    """Multiplies one half of a projection by the activated other half."""

    def __init__(
        self, prefix: str, config: Glm4vTextConfig, source: TensorSource, make: MakeProjection
    ) -> None:
        hidden, inner = config.hidden_size, config.intermediate_size
        self._inner = inner
        self._activation = _activation(config.hidden_act)
        self._gate_up = make(source.take(f"{prefix}gate_up_proj.weight", 2 * inner, hidden), None)
        self._down = make(source.take(f"{prefix}down_proj.weight", hidden, inner), None)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        gate_up = self._gate_up(hidden)
        gate, up = gate_up[:, : self._inner], gate_up[:, self._inner :]
        return self._down(self._activation(gate).mul_(up))

    @property
    def projections(self) -> tuple[Projection, Projection]:
        """Gate above up, and down."""
        return self._gate_up, self._down


class DecoderLayer:
    """Attention and MLP, each between two norms, each added to what came in."""

    def __init__(
        self, index: int, config: Glm4vTextConfig, source: TensorSource, make: MakeProjection
    ) -> None:
        prefix = f"layers.{index}."

        def norm(name: str) -> Norm:
            weight = source.take(f"{prefix}{name}.weight", config.hidden_size)
            return Norm(weight, config.rms_norm_eps)

        self._before_attention = norm("input_layernorm")
        self._after_attention = norm("post_self_attn_layernorm")
        self._before_mlp = norm("post_attention_layernorm")
        self._after_mlp = norm("post_mlp_layernorm")
        self._attention = SelfAttention(index, DecoderSizes.of(config), source, make)
        self._mlp = GatedMlp(f"{prefix}mlp.", config, source, make)

    def __call__(self, hidden: torch.Tensor, step: DecoderStep) -> torch.Tensor:
        attended = self._attention(self._before_attention(hidden), step)
        hidden = hidden + self._after_attention(attended)
        return hidden + self._after_mlp(self._mlp(self._before_mlp(hidden)))

    def packed(self) -> LayerWeights | None:
        """Returns what the native decoder computes with; None where something is not packed."""
        projections = (*self._attention.projections, *self._mlp.projections)
        packed = [each.packed for each in projections if isinstance(each, PackedProjection)]
        if len(packed) < len(projections):
            return None
        qkv, out, gate_up, down = packed
        return LayerWeights(
            qkv=qkv,
            out=out,
            gate_up=gate_up,
            down=down,
            before_attention=self._before_attention.weight,
            after_attention=self._after_attention.weight,
            before_mlp=self._before_mlp.weight,
            after_mlp=self._after_mlp.weight,
        )


class Glm4vDecoder:
    """The language model of a GLM-4V checkpoint over one flattened batch."""

    def __init__(self, config: Glm4vTextConfig, source: TensorSource, make: MakeProjection) -> None:
        """Takes all tensors; raises CheckpointError if they do not fit the configuration."""
        self._config = config
        hidden, vocabulary = config.hidden_size, config.vocab_size
        self._embeddings = source.take("embed_tokens.weight", vocabulary, hidden)
        self._layers = [
            DecoderLayer(index, config, source, make) for index in range(config.num_hidden_layers)
        ]
        self._norm = Norm(source.take("norm.weight", hidden), config.rms_norm_eps)
        tied = not source.has("lm_head.weight")
        self._head: Projection = make(
            self._embeddings if tied else source.take("lm_head.weight", vocabulary, hidden), None
        )
        self._rotary = rotary_of(config, self._embeddings)
        source.check_empty()

    def embed(self, token_ids: torch.Tensor) -> torch.Tensor:
        return embedding(token_ids, self._embeddings)

    def forward(
        self, embeddings: torch.Tensor, position_ids: torch.Tensor, attend: AttendFunction
    ) -> torch.Tensor:
        step = DecoderStep(self._rotary.table(position_ids), attend)
        hidden = embeddings
        for layer in self._layers:
            hidden = layer(hidden, step)
        return self._norm(hidden)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self._head(hidden)

    def native(self, caches: Caches) -> NativeForward | None:
        layers = [layer.packed() for layer in self._layers]
        packed = [layer for layer in layers if layer is not None]
        if len(packed) < len(layers) or not computes_natively(self._config):
            return None
        sizes = DecoderSizes.of(self._config)
        spec = DecoderSpec(
            num_heads=sizes.num_heads,
            num_kv_heads=sizes.num_kv_heads,
            head_size=sizes.head,
            num_pairs=self._rotary.num_pairs,
            eps=self._norm.eps,
        )
        decoder = NativeDecoder(spec, packed, self._norm.weight, caches)

        def forward(
            embeddings: torch.Tensor,
            position_ids: torch.Tensor,
            slots: torch.Tensor,
            rows: Rows,
            wanted: torch.Tensor | None,
        ) -> torch.Tensor:
            return decoder.run(embeddings, self._rotary.table(position_ids), slots, rows, wanted)

        return forward


def computes_natively(config: Glm4vTextConfig) -> bool:
    """Tells whether the native decoder knows the activation, and panels fill the MLP's halves."""
    whole = int(config.intermediate_size) % panel_width(library()) == 0
    return config.hidden_act == "silu" and whole


def _activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    if name == "silu":
        return silu  # spares most starts seconds: transformers' table imports its whole modelling
    from transformers.activations import ACT2FN

    activation: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[name]
    return activation
