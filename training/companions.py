"""What belongs to a model folder beside its weights and their configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

COMPANIONS = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "chat_template.json", "generation_config.json"),
    *("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"),
)


def copy_companions(source: Path, out: Path) -> None:
    """Copies those that the source has; nothing if it is the same folder."""
    if out.exists() and source.samefile(out):
        return
    for name in COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
