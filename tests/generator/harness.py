"""An engine over a checkpoint without any service around it, and transformers beside it."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from sightline_common.checkpoint import Checkpoint
from sightline_common.digest import sha256_digest
from sightline_generator.attention.base import AttentionDemand
from sightline_generator.attention.registry import choose_attention
from sightline_generator.chat.conversation import (
    Conversation,
    MediaPart,
    Message,
    TextPart,
)
from sightline_generator.chat.prompt import Prompt, PromptBuilder
from sightline_generator.chat.reasoning import AnswerReader, AnswerSyntax
from sightline_generator.chat.template import ChatTemplate
from sightline_generator.chat.vocabulary import Vocabulary
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.decode_graphs import Capture, CudaCapture, call_again
from sightline_generator.engine.engine import Engine, SequenceUpdate
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.model_runner import KVCache, ModelRunner
from sightline_generator.engine.sampler import Sampler
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine.sequence import FeatureSpan, SamplingParams, Sequence
from sightline_generator.engine.stop import StopParams
from sightline_generator.families.base import MediaKind, MediumGrid, MediumShape, PlaceholderRange
from sightline_generator.families.registry import family_of
from transformers import AutoModelForImageTextToText, AutoTokenizer
from transformers.models.glm4v.processing_glm4v import Glm4vProcessor
from transformers.models.glm46v.processing_glm46v import Glm46VProcessor
from transformers.video_utils import VideoMetadata

BLOCK_SIZE = 16
_PROCESSORS = {"glm4v": "Glm4vProcessor", "glm46v": "Glm46VProcessor"}
OVERLAP = False
"""Whether engines schedule a step while the one before runs; `in_both_modes` sets it."""
ATTENTION = "auto"
"""The implementation that engines attend with."""
GRAPH_SIZES: list[int] = []
"""The batch sizes whose decoding steps are captured, by a plain call in place of a graph."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Picture:
    """Random patches of a grid, as a picture's processor would give them."""

    grid: MediumGrid
    seed: int = 0

    @property
    def pixels(self) -> torch.Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        num_patches = self.grid.time * self.grid.height * self.grid.width
        return torch.randn(num_patches, 3 * 2 * 14 * 14, generator=generator)


@dataclass(frozen=True)
class Film(Picture):
    """Random patches of frame groups that begin at these seconds."""

    timestamps: tuple[float, ...] = ()


def film(*timestamps: float, rows: int = 2, columns: int = 3, seed: int = 0) -> Film:
    """Returns a video of merged cells, one frame group a timestamp."""
    return Film(MediumGrid(len(timestamps), 2 * rows, 2 * columns), seed, timestamps)


def shape_of(shown: Picture) -> MediumShape:
    return MediumShape(shown.grid, shown.timestamps if isinstance(shown, Film) else ())


def picture(rows: int, columns: int, seed: int = 0) -> Picture:
    """Returns a picture of merged cells."""
    return Picture(MediumGrid(1, 2 * rows, 2 * columns), seed)


@dataclass(frozen=True)
class Turn:
    """Holds one message: strings and pictures."""

    role: str
    parts: tuple[str | Picture, ...]
    reasoning: str = ""


def user(*parts: str | Picture) -> Turn:
    return Turn("user", parts)


def assistant(*parts: str) -> Turn:
    return Turn("assistant", parts)


def pictures_of(turns: list[Turn]) -> list[Picture]:
    return [part for turn in turns for part in turn.parts if isinstance(part, Picture)]


class RecordingRunner:
    """Runs steps and keeps every sequence's logits."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self.cache = runner.cache
        self.logits: dict[Sequence, list[torch.Tensor]] = {}

    def run(self, chunks):
        logits = self._runner.run(chunks)
        completing = [chunk.sequence for chunk in chunks if chunk.completes]
        for sequence, row in zip(completing, logits, strict=True):
            # A captured step writes the next one's where these are.
            self.logits.setdefault(sequence, []).append(row.clone())
        return logits


class Ours:
    """Our side: prompts and engines of one checkpoint."""

    def __init__(self, folder, dtype: torch.dtype, device: torch.device = CPU) -> None:
        self.checkpoint = Checkpoint(folder)
        self.dtype = dtype
        self.device = device
        self.family = family_of(self.checkpoint)
        tensors = self.checkpoint.load_tensors(self.family.rename_tensor, dtype)
        self.model = self.family.build(tensors, device)
        self.vocabulary = Vocabulary.load(folder)
        self.syntax = AnswerSyntax.of(self.family.syntax, self.vocabulary)
        self.builder = PromptBuilder(self.family, self.vocabulary, ChatTemplate.load(folder))

    def prompt(
        self, turns: list[Turn], thinking: bool | None = None, *, continued: bool = False
    ) -> Prompt:
        pictures = pictures_of(turns)
        rendered = self.builder.render(conversation(turns, thinking, continued=continued))
        return self.builder.expand(rendered, dict(enumerate(map(shape_of, pictures))))

    def engine(
        self,
        num_blocks: int = 400,
        max_num_seqs: int = 32,
        max_num_batched_tokens: int = 2048,
        *,
        caching: bool = True,
    ) -> Engine:
        demand = AttentionDemand(self.device, self.dtype, self.family.shape.head_size)
        attention = choose_attention(ATTENTION, BLOCK_SIZE, demand)
        size = attention.block_size
        cache = KVCache(self.family.shape, num_blocks, size, self.device, self.dtype)
        limits = SchedulerLimits(max_num_seqs, max_num_batched_tokens, max_step_s=0.05)
        scheduler = Scheduler(limits, BlockManager(num_blocks, size, caching=caching))
        runner = RecordingRunner(self.runner(cache, attention))
        return Engine(scheduler, runner, Sampler(waits=not OVERLAP), overlap=OVERLAP)

    def runner(self, cache: KVCache, attention) -> ModelRunner:
        runner = ModelRunner(self.model, cache, attention)
        if GRAPH_SIZES:
            num_slots = cache.num_blocks * cache.block_size
            shapes = runner.graph_shapes(GRAPH_SIZES, num_slots)
            list(runner.capture(shapes, num_slots, self._capture(attention)))
        return runner

    def _capture(self, attention) -> Capture:
        on_gpu = self.device.type == "cuda" and attention.capturable
        return CudaCapture(self.device) if on_gpu else call_again

    def sequence(
        self,
        prompt: Prompt,
        features: Sequence_[torch.Tensor] = (),
        max_tokens: int = 12,
        sampling: SamplingParams | None = None,
        stop: StopParams | None = None,
        **fields: object,
    ) -> Sequence:
        spans = [
            feature_span(placeholder, features[index])
            for placeholder, index in zip(prompt.ranges, prompt.media_indices, strict=True)
        ]
        return Sequence(
            prompt_token_ids=prompt.token_ids,
            position_ids=prompt.positions.position_ids,
            position_delta=prompt.positions.delta,
            sampling=sampling or SamplingParams(),
            stop=stop or StopParams(max_tokens),
            reader=AnswerReader(self.syntax, self.vocabulary.token_bytes, thinking=False),
            feature_spans=spans,
            **fields,
        )


def feature_span(placeholder: PlaceholderRange, features: torch.Tensor) -> FeatureSpan:
    """Names features after their values, as a feature key would; they lie in two parts."""
    start, end = placeholder.feature_offset, placeholder.feature_offset + placeholder.length
    taken = features[start:end]
    content = f"{sha256_digest(taken.numpy().tobytes())} {placeholder.grid}"
    rows = FeatureRows(taken.tensor_split(2)) if len(taken) > 1 else FeatureRows.of(taken)
    return FeatureSpan(placeholder.offset, placeholder.length, content, rows)


def conversation(
    turns: list[Turn], thinking: bool | None = None, *, continued: bool = False
) -> Conversation:
    media = iter(range(len(pictures_of(turns))))

    def part(given: str | Picture) -> TextPart | MediaPart:
        if isinstance(given, str):
            return TextPart(given)
        kind = MediaKind.VIDEO if isinstance(given, Film) else MediaKind.IMAGE
        return MediaPart(kind, next(media))

    messages = [Message(turn.role, tuple(map(part, turn.parts)), turn.reasoning) for turn in turns]
    return Conversation(tuple(messages), thinking, continued)


@dataclass
class Theirs:
    """transformers' side: the same checkpoint, whole."""

    folder: object
    dtype: torch.dtype
    model: object = field(init=False)
    tokenizer: object = field(init=False)
    _answers: dict[object, tuple[list[int], list[torch.Tensor]]] = field(
        default_factory=dict, init=False
    )

    def __post_init__(self) -> None:
        self.model = AutoModelForImageTextToText.from_pretrained(self.folder, dtype=self.dtype)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)

    def prompt_ids(self, turns: list[Turn], **options: object) -> list[int]:
        given = {"tokenize": False, "add_generation_prompt": True, **options}
        text = self.tokenizer.apply_chat_template(list(map(_as_mapping, turns)), **given)
        for shown in pictures_of(turns):
            if isinstance(shown, Film):
                text = text.replace("<|video|>", self._film_text(shown), 1)
            else:
                count = shown.grid.height * shown.grid.width // 4
                text = text.replace("<|image|>", "<|held|>" * count, 1)
        text = text.replace("<|held|>", "<|image|>")
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    @property
    def processor(self) -> type:
        """transformers' processor class: its methods run without an instance, which needs
        torchvision."""
        folder = Checkpoint(self.folder)
        name = folder.processor_class or _PROCESSORS[folder.config["model_type"]]
        return {"Glm4vProcessor": Glm4vProcessor, "Glm46VProcessor": Glm46VProcessor}[name]

    def _film_text(self, shown: Film) -> str:
        """Returns what transformers' processor writes for a video."""
        processor = SimpleNamespace(
            image_token="<|held|>", video_processor=SimpleNamespace(merge_size=2)
        )
        write = self.processor.replace_frame_token_id
        processor.replace_frame_token_id = lambda *args, **given: write(processor, *args, **given)
        # Frame numbers at a thousand a second give these times back.
        indices = [round(1000 * seconds) for seconds in shown.timestamps for _ in range(2)]
        metadata = VideoMetadata(0, fps=1000.0, frames_indices=indices)
        given = {"video_grid_thw": torch.tensor([_grid(shown)]), "video_metadata": [metadata]}
        text: str = self.processor.replace_video_token(processor, given, 0)
        return text

    def token_types(self, ids: list[int]) -> torch.Tensor:
        """Returns what transformers' processor says each token stands for."""
        added = self.tokenizer.convert_tokens_to_ids
        processor = SimpleNamespace(
            video_start_id=added("<|begin_of_video|>"),
            video_end_id=added("<|end_of_video|>"),
            image_token_id=added("<|image|>"),
        )
        return torch.tensor(self.processor.create_mm_token_type_ids(processor, [ids]))

    @torch.inference_mode()
    def features(self, shown: Picture) -> torch.Tensor:
        grid = torch.tensor([_grid(shown)])
        encode = (
            self.model.get_video_features
            if isinstance(shown, Film)
            else self.model.get_image_features
        )
        output = encode(shown.pixels.to(self.dtype), grid)
        return output.pooler_output[0]

    def generate(
        self, turns: list[Turn], max_tokens: int, **options: object
    ) -> tuple[list[int], list[torch.Tensor]]:
        """Returns greedy ids, end tokens ignored, and the logits behind each.

        Asks the model once: tests in several modes compare with the same answer.
        """
        asked = (*turns, max_tokens, *options.items())
        if asked not in self._answers:
            self._answers[asked] = self._generate(turns, max_tokens, **options)
        return self._answers[asked]

    @torch.inference_mode()
    def _generate(
        self, turns: list[Turn], max_tokens: int, **options: object
    ) -> tuple[list[int], list[torch.Tensor]]:
        ids = torch.tensor([self.prompt_ids(turns, **options)])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        shown = pictures_of(turns)
        if shown:
            films = [isinstance(each, Film) for each in shown]
            # transformers itself cannot place pictures and videos in one prompt.
            assert all(films) or not any(films)
            pixels, grid = (
                ("pixel_values_videos", "video_grid_thw")
                if all(films)
                else ("pixel_values", "image_grid_thw")
            )
            inputs |= {
                pixels: torch.cat([each.pixels for each in shown]).to(self.dtype),
                grid: torch.tensor(list(map(_grid, shown))),
                "mm_token_type_ids": self.token_types(ids[0].tolist()),
            }
        output = self.model.generate(
            **inputs,
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=None,
            return_dict_in_generate=True,
            output_logits=True,
        )
        return output.sequences[0, ids.shape[1] :].tolist(), [row[0] for row in output.logits]


def _grid(shown: Picture) -> list[int]:
    return [shown.grid.time, shown.grid.height, shown.grid.width]


def _as_mapping(turn: Turn) -> dict[str, object]:
    items = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "video" if isinstance(part, Film) else "image"}
        for part in turn.parts
    ]
    mapping: dict[str, object] = {"role": turn.role, "content": items}
    if turn.reasoning:
        mapping["reasoning_content"] = turn.reasoning
    return mapping


def features_at_hand(sequence: Sequence) -> dict[int, FeatureRows]:
    """Returns a sequence's features by the index of their span."""
    return {index: span.features for index, span in enumerate(sequence.feature_spans)}


def run_to_end(engine: Engine, max_steps: int = 5000) -> list[SequenceUpdate]:
    """Steps until nothing is left, checking integrity after every step.

    Sequences that lost their features to a preemption get them back.
    """
    given = {sequence: features_at_hand(sequence) for sequence in engine.scheduler.waiting}
    updates = []
    for _ in range(max_steps):
        if not engine.has_work:
            return updates
        stepped = engine.step()
        engine.scheduler.check_integrity()
        for update in stepped:
            if update.features_wanted:
                engine.provide(update.sequence, given[update.sequence])
        updates += stepped
    raise AssertionError(f"not finished after {max_steps} steps")


def generated(sequence: Sequence) -> list[int]:
    return sequence.token_ids[sequence.num_prompt_tokens :]
