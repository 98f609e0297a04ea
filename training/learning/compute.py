"""Where is computed, and in which number format."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "bfloat16", "float32")
# Options of glibc's `mallopt`, from its malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


@dataclass(frozen=True)
class Compute:
    """A device, and the type of matrix products there; weights stay in float32."""

    device: torch.device
    products: torch.dtype

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "auto") -> Compute:
        """Takes a GPU if there is one, and bfloat16 where it is computed in hardware.

        Raises ValueError for a device that torch does not see, or does not know.
        """
        chosen = choose_device(device)
        if precision == "auto":
            gpu = chosen.type == "cuda"
            fast = gpu_multiplies_bfloat16(chosen) if gpu else cpu_multiplies_bfloat16()
            precision = "bfloat16" if fast else "float32"
        return cls(chosen, torch.bfloat16 if precision == "bfloat16" else torch.float32)

    def autocast(self) -> AbstractContextManager[object]:
        enabled = self.products == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def make_current(self) -> None:
        """What names no device, such as a library's own buffers, goes to this GPU from now on.

        A GPU without a number is the current one already.
        """
        if self.device.type == "cuda" and self.device.index is not None:
            torch.cuda.set_device(self.device)

    def __str__(self) -> str:
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        else:
            name = f"{torch.get_num_threads()} CPU threads"
        return f"{name}, {str(self.products).removeprefix('torch.')} products"


def choose_device(name: str) -> torch.device:
    """Raises ValueError, which says what to ask for instead."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and not index.isdecimal()):
        raise ValueError(f"--device {name} is none of {', '.join(DEVICES)}, or cuda:0 and so on.")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name}, but torch sees no GPU; use --device cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise ValueError(f"--device {name}, but the last GPU that torch sees is cuda:{last}.")
    return device


def gpu_multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the GPU has bfloat16 products, as from Ampere on; torch emulates them on others."""
    major, _minor = torch.cuda.get_device_capability(device)
    return major >= 8


def cpu_multiplies_bfloat16() -> bool:
    """Whether the CPU has bfloat16 products; without them autocast is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def keep_freed_memory() -> bool:
    """Lets glibc reuse large freed blocks instead of returning each to the kernel.

    Every step frees and allocates the same hundreds of megabytes, and fresh pages must be zeroed.
    The same as setting MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_, see
    mallopt(3). Returns False where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_MMAP_THRESHOLD, 2**30), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**26))
    return all(mallopt(option, value) for option, value in wanted)


def return_freed_memory() -> bool:
    """Returns what lies freed between used blocks to the kernel, see malloc_trim(3).

    Batches differ in size, so that the holes of one do not fit the next. Tells whether
    anything was returned; False where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
