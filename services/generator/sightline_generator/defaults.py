"""What a request gets that does not ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sightline_common.checkpoint import Checkpoint


@dataclass(frozen=True)
class SamplingDefaults:
    """Gives the values of unset sampling fields, and the checkpoint's own end tokens."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    end_token_ids: frozenset[int] = frozenset()


def sampling_defaults(checkpoint: Checkpoint) -> SamplingDefaults:
    """Reads generation_config.json; what it leaves out changes nothing."""
    path = checkpoint.folder / "generation_config.json"
    config: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    sampled = bool(config.get("do_sample", False))

    def value(name: str, neutral: float) -> float:
        return float(config.get(name) or neutral) if sampled else neutral

    return SamplingDefaults(
        temperature=value("temperature", 1.0) if sampled else 0.0,
        top_p=value("top_p", 1.0),
        top_k=int(value("top_k", 0)),
        min_p=value("min_p", 0.0),
        repetition_penalty=float(config.get("repetition_penalty") or 1.0),
        end_token_ids=_end_token_ids(config, checkpoint.config),
    )


def _end_token_ids(*configs: dict[str, Any]) -> frozenset[int]:
    for config in [*configs, configs[-1].get("text_config", {})]:
        ids = config.get("eos_token_id")
        if ids is not None:
            return frozenset([ids] if isinstance(ids, int) else ids)
    return frozenset()
