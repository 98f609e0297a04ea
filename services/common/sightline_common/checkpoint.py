"""A model folder in the Hugging Face layout: its files, fingerprint and tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline_common.digest import combined_digest

if TYPE_CHECKING:
    import torch

WEIGHTS_INDEX = "model.safetensors.index.json"
PROCESSOR_FILE = "processor_config.json"
IMAGE_PROCESSOR_FILE = "preprocessor_config.json"
VIDEO_PROCESSOR_FILE = "video_preprocessor_config.json"
_FINGERPRINTED = ("*.safetensors", "*.json", "*.jinja")
_READ_BYTES = 1024 * 1024


class CheckpointError(ValueError):
    """Means that a folder is not a checkpoint that can be served."""


def resolve_checkpoint(model: str) -> Checkpoint:
    """Opens a folder, or a hub id whose files are downloaded or cached.

    Raises CheckpointError with what to change.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _download(model)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"{folder} has no config.json; MODEL must name a checkpoint folder.")
    return Checkpoint(folder)


def _download(model: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        patterns = [*_FINGERPRINTED, "*.txt"]
        return Path(snapshot_download(model, allow_patterns=patterns))
    except Exception as error:
        raise CheckpointError(
            f"MODEL={model} is neither a folder nor a hub id that can be downloaded: {error}"
        ) from error


@dataclass(frozen=True)
class Checkpoint:
    """A folder with config.json, processor and tokenizer files, and safetensors."""

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The parsed config.json."""
        return self._read("config.json")

    @property
    def image_processor(self) -> dict[str, Any]:
        """The image processor's settings, wherever they lie; empty when there are none."""
        nested = self._read(PROCESSOR_FILE).get("image_processor")
        return nested if isinstance(nested, dict) else self._read(IMAGE_PROCESSOR_FILE)

    @cached_property
    def video_processor(self) -> dict[str, Any] | None:
        """The video processor's settings, wherever they lie; None when there are none."""
        nested = self._read(PROCESSOR_FILE).get("video_processor")
        if nested is not None and not isinstance(nested, dict):
            raise CheckpointError(
                f"video_processor in {self.folder / PROCESSOR_FILE} must be an object; correct it, "
                "or take the file from where the model came from."
            )
        return nested or self._read(VIDEO_PROCESSOR_FILE) or None

    @property
    def video_processor_file(self) -> str:
        """The file in which the video processor's settings lie."""
        is_nested = self._read(PROCESSOR_FILE).get("video_processor")
        return PROCESSOR_FILE if is_nested else VIDEO_PROCESSOR_FILE

    @cached_property
    def processor_class(self) -> str:
        """The name of the class that prepares prompts; empty when no file says it."""
        names = (PROCESSOR_FILE, IMAGE_PROCESSOR_FILE, "tokenizer_config.json")
        stated = (self._read(name).get("processor_class") for name in names)
        return next((str(name) for name in stated if name), "")

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            parsed = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        except (ValueError, RecursionError) as error:
            raise CheckpointError(_damaged(path, "is no JSON in UTF-8")) from error
        if not isinstance(parsed, dict):
            raise CheckpointError(_damaged(path, "holds no JSON object"))
        return parsed

    @cached_property
    def fingerprint(self) -> str:
        """A digest over name and content of every file that shapes the model's answers."""
        files = sorted({path for glob in _FINGERPRINTED for path in self.folder.glob(glob)})
        with ThreadPoolExecutor() as pool:
            digests = pool.map(_file_digest, files)
        return combined_digest(
            part
            for path, digest in zip(files, digests, strict=True)
            for part in (path.name, digest)
        )

    def load_tensors(
        self, rename: Callable[[str], str | None], dtype: torch.dtype
    ) -> dict[str, torch.Tensor]:
        """Reads the tensors for which `rename` returns a name, as that name, in `dtype`.

        Other tensors are not read from disk. Raises CheckpointError when none is wanted.
        """
        tensors = {wanted: tensor.to(dtype) for wanted, tensor in self._wanted_tensors(rename)}
        if not tensors:
            raise CheckpointError(f"{self.folder} holds none of the tensors that are needed.")
        return tensors

    def _wanted_tensors(
        self, rename: Callable[[str], str | None]
    ) -> Iterator[tuple[str, torch.Tensor]]:
        # A server listens, and refuses a wrong folder, before torch is there.
        from safetensors import safe_open

        for path in self._weight_files():
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a mapping
                    wanted = rename(name)
                    if wanted is not None:
                        yield wanted, file.get_tensor(name)

    def _weight_files(self) -> list[Path]:
        index = self.folder / WEIGHTS_INDEX
        if index.is_file():
            names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
            return [self._inside(name) for name in sorted(names)]
        files = sorted(self.folder.glob("*.safetensors"))
        if not files:
            raise CheckpointError(f"{self.folder} has no .safetensors files.")
        return files

    def _inside(self, name: str) -> Path:
        path = self.folder / name
        if Path(name).name != name or not path.is_file():
            raise CheckpointError(f"{WEIGHTS_INDEX} names {name!r}, which is not in the folder.")
        return path


def _damaged(path: Path, what: str) -> str:
    return f"{path} {what}; take the file from where the model came from."


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
