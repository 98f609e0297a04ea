"""transformers' own video processors, as far as they run without torchvision.

The classes cannot be made without it, and one module cannot even be imported. So the
methods that hold their rules are taken out of the installed sources and run as they are.
What is missing is the call to torchvision's resize, which is one call of torch's.
"""

from __future__ import annotations

import ast
import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import torch
import transformers
from torch.nn.functional import interpolate
from transformers.video_utils import VideoMetadata, read_video_pyav

_MODELS = Path(transformers.__file__).parent / "models"
_METHODS = ("sample_frames", "patchify")
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


class Reference:
    """Holds the rules of one model type's video processor."""

    def __init__(self, model_type: str, size: dict[str, int], fps: float = 2) -> None:
        path = _MODELS / model_type / f"video_processing_{model_type}.py"
        tree = ast.parse(path.read_text())
        namespace: dict[str, Any] = {
            "np": np, "math": math, "torch": torch, "VideoMetadata": VideoMetadata
        }  # fmt: skip
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        wanted = [node for node in functions if node.name in (*_METHODS, "smart_resize")]
        module = ast.Module([*wanted], type_ignores=[])
        exec(compile(ast.fix_missing_locations(module), str(path), "exec"), namespace)
        self._functions = namespace
        self._self = SimpleNamespace(fps=fps, temporal_patch_size=2, max_duration=300)
        self.size = size

    def smart_resize(self, **sizes: int) -> tuple[int, int]:
        return self._functions["smart_resize"](**sizes)

    def indices(self, metadata: VideoMetadata, fps: float | None = None) -> list[int]:
        return self._functions["sample_frames"](self._self, metadata, fps=fps).tolist()

    def cut(self, frames: np.ndarray) -> tuple[torch.Tensor, list[int]]:
        """Returns patches and grid of sampled RGB frames [num_frames, height, width, 3]."""
        videos = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()
        height, width = self.smart_resize(
            num_frames=len(frames),
            height=frames.shape[1],
            width=frames.shape[2],
            min_pixels=self.size["shortest_edge"],
            max_pixels=self.size["longest_edge"],
        )
        # torchvision's resize of a batch of 8-bit pictures, which leaves equal sizes alone.
        if videos.shape[-2:] != (height, width):
            videos = interpolate(
                videos, [height, width], mode="bicubic", align_corners=False, antialias=True
            )
        # The base class' fused rescaling and normalisation.
        mean = torch.tensor(MEAN) * (1.0 / (1 / 255))
        std = torch.tensor(STD) * (1.0 / (1 / 255))
        shown = (videos.to(torch.float32) - mean[:, None, None]).div_(std[:, None, None])
        patches, *grid = self._functions["patchify"](self._self, shown[None], 14, 2, 2)
        return patches[0], grid

    def read(self, path: Path) -> tuple[np.ndarray, VideoMetadata]:
        """Returns the frames that transformers' own reader takes of a file."""
        frames, metadata = read_video_pyav(
            str(path), lambda metadata: np.array(self.indices(metadata))
        )
        # Its array path repeats the last frame where this reader does not.
        missing = len(metadata.frames_indices) - len(frames)
        return np.concatenate([frames, frames[-1:].repeat(missing, 0)]), metadata

    def read_whole(self, data: bytes) -> tuple[np.ndarray, VideoMetadata]:
        """Returns the frames that a processor takes of all frames in an array."""
        with av.open(io.BytesIO(data)) as file:
            fps = float(file.streams.video[0].average_rate)
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
        metadata = VideoMetadata(len(frames), fps, duration=len(frames) / fps)
        metadata.frames_indices = self.indices(metadata)
        return frames[metadata.frames_indices], metadata
