"""Copies between host and device for which neither waits for the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def upload(values: Sequence[Any], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Returns plain numbers, perhaps nested, as a tensor on a device."""
    return upload_tensor(torch.tensor(values, dtype=dtype), device)


def upload_tensor(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Returns a tensor of the host's on a device.

    A copy from pageable memory would hold the host up until the device has come to it.
    """
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Download:
    """Tensors of one device on their way to the host, behind what it was asked for before."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = [_begin(tensor) for tensor in tensors]
        self._arrived: torch.cuda.Event | None = None
        device = tensors[0].device
        if device.type == "cuda":
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record(torch.cuda.current_stream(device))

    def wait(self) -> list[torch.Tensor]:
        """Returns the tensors in the host's memory once they have come."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._tensors


def _begin(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_cuda:
        return tensor
    target = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return target.copy_(tensor, non_blocking=True)
