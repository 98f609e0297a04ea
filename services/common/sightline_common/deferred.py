"""Handlers that are known only after a server has started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]


class DeferredHandlers(grpc.GenericRpcHandler):
    """Stands in for servicers that are registered later, which a gRPC server itself forbids.

    It has the two methods that generated `add_…Servicer_to_server` functions call, so
    it is passed to them in the server's place.
    """

    def __init__(self) -> None:
        self._handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self._handlers.extend(handlers)

    def add_registered_method_handlers(self, service: str, methods: Mapping[str, Handler]) -> None:
        """Does nothing: generic handlers hold the same methods."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        found = (handler.service(handler_call_details) for handler in self._handlers)
        return next((handler for handler in found if handler is not None), None)
