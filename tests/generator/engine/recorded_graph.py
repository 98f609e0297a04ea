"""What a CUDA graph does, on any device: operations are recorded once and then repeated.

Operations read and write the memory of the recording, and every number that Python
held is frozen. What a capture cannot hold is refused: waiting for a value, and tensors made
from the host's numbers.
"""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
WAITING = {
    _aten.item.default: "waits for a value",
    _aten._local_scalar_dense.default: "waits for a value",
    _aten.is_nonzero.default: "waits for a value",
    _aten.nonzero.default: "waits for a count",
}
NOT_TO_CAPTURE = WAITING | {_aten.lift_fresh.default: "copies the host's numbers"}


class Refusing(TorchDispatchMode):
    """Raises at operations that hold the host up until the device has come to them."""

    refused = WAITING

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in self.refused:
            raise RuntimeError(f"{func} {self.refused[func]} where that is forbidden")
        return self.call(func, args, kwargs or {})

    def call(self, function, args, kwargs):
        with _disable_current_modes():
            return function(*args, **kwargs)


class RecordedGraph(Refusing):
    """Records the operations that are asked for while it is entered."""

    refused = NOT_TO_CAPTURE

    def __init__(self):
        super().__init__()
        self._calls = []

    def call(self, function, args, kwargs):
        """Calls a function and records it as one operation."""
        result = super().call(function, args, kwargs)
        self._calls.append((function, args, kwargs, result))
        return result

    def replay(self):
        for function, args, kwargs, result in self._calls:
            again = function(*args, **kwargs)
            for kept, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(kept, torch.Tensor) and kept.data_ptr() != new.data_ptr():
                    kept.copy_(new)


class Recorder:
    """Captures by recording, and lets kernels that stand for one operation be one."""

    def __init__(self):
        self._graph = None

    def capture(self, function):
        graph = RecordedGraph()
        self._graph = graph
        try:
            with graph:
                function()
        finally:
            self._graph = None
        return graph.replay

    def kernel(self, function):
        """Returns a kernel that is recorded as a whole."""

        def call(*args, **kwargs):
            if self._graph is None:
                return function(*args, **kwargs)
            return self._graph.call(function, args, kwargs)

        return call
