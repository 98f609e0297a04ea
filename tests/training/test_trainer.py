from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training import trainer as trainer_module
from training.build import MODEL_FOLDER, build_model
from training.export import export, table
from training.learning.checkpoint import Checkpoint
from training.learning.dataset import Batch
from training.learning.learner import Learner
from training.learning.sample import SCENES_ALONE
from training.learning.schedule import Schedule, Unit
from training.learning.stage import CURRICULUM, Stage
from training.model.unused_rows import APART
from training.processing import Processor
from training.trainer import Settings, Trainer, parser, schedule_of, settings_of
from training.world.scene import Limits

SMALL = Limits(most_shapes=2, longest_side=140)
STAGES = (
    Stage(0, SMALL, look_share=1.0, looks=SCENES_ALONE),
    Stage(8, SMALL, talks=1, look_share=0.25, shares=SCENES_ALONE, looks=SCENES_ALONE),
)
TALKING = STAGES[1].start


@pytest.fixture(scope="module")
def processor() -> Processor:
    return Processor.load(Settings.model)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trainer_module.WORLDS, "whole", STAGES)


def tiny(folder: Path) -> Settings:
    return Settings(folder=folder, batch_size=2, workers=0, device="cpu", precision="float32")


def talking(settings: Settings, processor: Processor, schedule: Schedule) -> Trainer:
    """A trainer whose next batches hold conversations."""
    trainer = Trainer(settings, schedule, processor)
    trainer.step = TALKING
    return trainer


def losses(trainer: Trainer, count: int) -> list[float]:
    batches = itertools.islice(trainer.batches(), count)
    return [trainer.learn(batch, 0.1)[0].answer.item() for batch in batches]


def conversation(trainer: Trainer) -> Batch:
    return next(batch for batch in trainer.batches() if batch.token_ids.shape[1])


def changed(trainer: Trainer, before: dict[str, torch.Tensor]) -> list[str]:
    after = trainer.learner.state_dict()
    return [name for name, value in before.items() if not torch.equal(value, after[name])]


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.learner.state_dict().items()}


def test_resumed_training_continues_with_the_same_losses(
    tmp_path: Path, processor: Processor
) -> None:
    settings = tiny(tmp_path)
    through = talking(settings, processor, Schedule(steady=2))
    through.run()
    expected = losses(through, 2)

    resumed = Trainer(settings, Schedule(), processor)
    resumed.prepare()

    assert resumed.step == TALKING + 2
    assert resumed.phase.steps == 2
    assert losses(resumed, 2) == pytest.approx(expected, rel=1e-3)


def test_a_call_of_few_minutes_trains_a_step_and_leaves_the_rest_to_the_next(
    tmp_path: Path, processor: Processor
) -> None:
    hurried = replace(tiny(tmp_path), minutes_a_call=1e-9)
    talking(hurried, processor, Schedule(steady=1, decay=1)).run()
    again = Trainer(hurried, Schedule(steady=1, decay=1), processor)
    again.prepare()
    assert (again.phase.steps, again.phase.finished) == (1, False)
    again.run()
    assert (again.phase.steps, again.phase.finished) == (2, True)


@pytest.mark.parametrize(("apart", "saved"), [(0.0, True), (60.0, False)])
def test_checkpoints_are_some_steps_and_some_time_apart(
    tmp_path: Path, processor: Processor, apart: float, saved: bool
) -> None:
    settings = replace(tiny(tmp_path), save_every=2, save_apart=apart)
    trainer = Trainer(settings, Schedule(), processor)
    due = []
    for trainer.step in range(1, 5):
        due.append(trainer.is_time_to_save())
    assert due == ([False, True] * 2 if saved else [False] * 4)
    trainer.saved_at -= 100
    assert trainer.is_time_to_save()
    trainer.save()
    assert trainer.is_time_to_save() == saved


def test_a_finished_phase_is_not_trained_again(tmp_path: Path, processor: Processor) -> None:
    schedule = Schedule(steady=2, decay=1)
    talking(tiny(tmp_path), processor, schedule).run()
    again = Trainer(tiny(tmp_path), schedule, processor)
    again.prepare()
    before = weights(again)
    again.run()
    assert changed(again, before) == []
    assert again.phase.finished
    assert again.step == TALKING + 3


def test_a_phase_stopped_during_its_decay_goes_on_within_it(
    tmp_path: Path, processor: Processor
) -> None:
    schedule = Schedule(steady=1, decay=4, warmup_steps=1)
    talking(tiny(tmp_path), processor, replace(schedule, decay=2)).run()
    resumed = Trainer(tiny(tmp_path), schedule, processor)
    resumed.prepare()
    assert resumed.phase.steps == 3
    assert resumed.share() == 0.5


def test_the_next_phase_begins_with_the_weights_and_the_batch_number_of_the_last(
    tmp_path: Path, processor: Processor
) -> None:
    first = talking(tiny(tmp_path), processor, Schedule(steady=1))
    first.run()
    settings = replace(tiny(tmp_path), phase="next", start=tmp_path / "main.pt")
    second = Trainer(settings, Schedule(steady=1), processor)
    second.prepare()
    assert changed(second, weights(first)) == []
    assert (second.step, second.phase.steps) == (TALKING + 1, 0)
    second.run()
    recorded = Checkpoint.load(tmp_path / "next.pt").phases
    assert [(phase.name, phase.steps) for phase in recorded] == [("main", 1), ("next", 1)]


def test_shipped_weights_begin_at_the_last_stage_and_heads_begin_anew(
    tmp_path: Path, processor: Processor, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    model = build_model(processor.tokenizer, seed=5)
    model.save_pretrained(folder)
    processor.tokenizer.save_pretrained(folder)
    trainer = Trainer(replace(tiny(tmp_path), start=folder), Schedule(), processor)
    before = weights(trainer)
    trainer.prepare()
    taken = changed(trainer, before)
    assert any("visual.blocks.0" in name for name in taken)
    assert not any(name.startswith("sight_head") for name in taken)
    assert "sight_head.kind.weight: begins anew" in capsys.readouterr().out
    assert trainer.step == STAGES[-1].start


def test_freeze_sight_leaves_the_vision_tower_as_it_is(
    tmp_path: Path, processor: Processor
) -> None:
    trainer = Trainer(replace(tiny(tmp_path), freeze_sight=True), Schedule(), processor)
    before = weights(trainer)
    losses(trainer, 2)
    touched = changed(trainer, before)
    assert any("language_model.layers.0" in name for name in touched)
    assert not any("visual" in name or "sight_head" in name for name in touched)


def test_learning_changes_the_weights_of_both_towers(tmp_path: Path, processor: Processor) -> None:
    trainer = talking(tiny(tmp_path), processor, Schedule())
    before = weights(trainer)
    losses(trainer, 3)
    touched = changed(trainer, before)
    assert any("visual.blocks.0" in name for name in touched)
    assert any("language_model.layers.0" in name for name in touched)


def test_gradient_checkpointing_learns_the_same(tmp_path: Path, processor: Processor) -> None:
    results = []
    for saving in (False, True):
        settings = replace(tiny(tmp_path), gradient_checkpointing=saving)
        trainer = talking(settings, processor, Schedule())
        assert trainer.learner.training
        trainer.learner(conversation(trainer)).answer.backward()
        named = trainer.learner.named_parameters()
        results.append({name: p.grad for name, p in named if p.grad is not None})
    kept, recomputed = results
    assert kept.keys() == recomputed.keys()
    for name in kept:
        torch.testing.assert_close(kept[name], recomputed[name], rtol=1e-3, atol=1e-6)


def test_gradient_checkpointing_recomputes_layers(tmp_path: Path, processor: Processor) -> None:
    settings = replace(tiny(tmp_path), gradient_checkpointing=True)
    trainer = talking(settings, processor, Schedule())
    calls = []
    layer = trainer.learner.model.model.language_model.layers[0].mlp
    layer.register_forward_hook(lambda *_: calls.append(1))
    trainer.learn(conversation(trainer), 0.1)
    assert len(calls) == 2


def test_the_curve_has_a_row_of_finite_losses_for_every_few_steps(
    tmp_path: Path, processor: Processor
) -> None:
    settings = replace(tiny(tmp_path), log_every=1, phase="short")
    talking(settings, processor, Schedule(steady=2)).run()
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert [(row["phase"], row["step"]) for row in rows] == [
        ("short", TALKING + 1),
        ("short", TALKING + 2),
    ]
    assert all(0 <= row["answer"] < 20 and row["norm"] > 0 for row in rows)


def test_export_leaves_the_heads_behind_and_tells_the_phases(
    tmp_path: Path, processor: Processor
) -> None:
    trainer = talking(tiny(tmp_path), processor, Schedule(steady=1))
    trainer.run()
    saved = export(tmp_path / "main.pt", MODEL_FOLDER, tmp_path / "out")
    exported = load_file(tmp_path / "out" / "model.safetensors")
    written = {f"model.{name}": tensor for name, tensor in exported.items()}
    assert written.keys() == {
        name for name in trainer.learner.state_dict() if name.startswith("model.")
    }
    name = "model.lm_head.weight"
    assert torch.equal(written[name], trainer.learner.state_dict()[name].bfloat16())
    assert "| main | 1 | 2 | 0.00 | 0.002 | 0 |" in table(saved.phases)


def test_export_keeps_words_apart_that_no_answer_held(tmp_path: Path, processor: Processor) -> None:
    trainer = talking(tiny(tmp_path), processor, Schedule(steady=1))
    table = trainer.learner.model.lm_head.weight
    with torch.no_grad():
        table.mul_(1e-3).add_(-1.0)
    trainer.save()
    export(tmp_path / "main.pt", MODEL_FOLDER, tmp_path / "out")
    exported = load_file(tmp_path / "out" / "model.safetensors")["lm_head.weight"].float()
    assert (exported - exported.mean(dim=0)).norm(dim=1).mean() == pytest.approx(APART, rel=0.05)


def test_a_checkpoint_of_the_first_form_can_be_begun_with(
    tmp_path: Path, processor: Processor
) -> None:
    learner = Learner(build_model(processor.tokenizer, seed=7))
    old = {"step": 3650, "seconds": 9.0, "learner": learner.state_dict(), "optimizers": []}
    torch.save(old, tmp_path / "old.pt")
    trainer = Trainer(replace(tiny(tmp_path), start=tmp_path / "old.pt"), Schedule(), processor)
    trainer.prepare()
    assert changed(trainer, learner.state_dict()) == []
    assert trainer.step == 3650


def test_options_that_are_not_given_keep_their_defaults() -> None:
    assert settings_of(parser().parse_args([])) == Settings()
    given = parser().parse_args(["--from-shipped", "--adamw", "--workers", "3", "--phase", "x"])
    expected = Settings(start=Settings.model, muon=False, workers=3, phase="x")
    assert settings_of(given) == expected


def test_options_tell_the_length_of_the_phase() -> None:
    given = parser().parse_args(["--minutes", "65", "--decay-minutes", "25"])
    assert schedule_of(given) == Schedule(Unit.MINUTES, 65, 25)


def test_the_curriculum_begins_at_the_first_batch() -> None:
    starts = [stage.start for stage in CURRICULUM]
    assert starts[0] == 0
    assert starts == sorted(starts)


def test_the_world_that_is_asked_for_is_drawn(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trainer_module.WORLDS, "small", (replace(STAGES[1], start=0),))
    settings = settings_of(parser().parse_args(["--world", "small"]))
    small = replace(tiny(tmp_path), world=settings.world)
    trainers = [Trainer(each, Schedule(), processor) for each in (tiny(tmp_path), small)]
    first = [list(itertools.islice(trainer.batches(), 4)) for trainer in trainers]
    talked = [any(batch.token_ids.shape[1] for batch in batches) for batches in first]
    assert talked == [False, True]
