"""`python -m sightline_encoder`: settings, logging, server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from grpc import aio
from prometheus_client import CollectorRegistry
from sightline_common.checkpoint import CheckpointError, resolve_checkpoint
from sightline_common.command_line import check_arguments
from sightline_common.config import SettingInvalidError, read_settings
from sightline_common.event_loop import run
from sightline_common.metric_families import process_registry
from sightline_common.server import Register, ServerOptions, run_server
from sightline_common.telemetry import configure_logging, log
from sightline_common.tls import server_tls
from sightline_common.tracing import start_tracing

from sightline_encoder.config import EncoderSettings
from sightline_encoder.registration import SERVICE_NAME, add_servicer

if TYPE_CHECKING:
    from sightline_encoder.servicer import EncoderServicer

    Opener: TypeAlias = Callable[
        [EncoderSettings, CollectorRegistry], AbstractAsyncContextManager[EncoderServicer]
    ]

_logger = logging.getLogger("sightline_encoder")
REFUSED = 2
"""Exit code of a start that a setting or the checkpoint makes impossible."""


def main(arguments: Sequence[str] = ()) -> int:
    check_arguments("sightline_encoder", EncoderSettings, arguments)
    try:
        settings = read_settings(EncoderSettings)
        configure_logging("encoder", settings.log_level, settings.log_format)
        start_tracing("encoder", settings.traces)
        run(serve(settings))
    except (SettingInvalidError, CheckpointError) as error:
        configure_logging("encoder")
        log(_logger, f"cannot start: {error}", logging.ERROR)
        return REFUSED
    return 0


async def serve(settings: EncoderSettings) -> None:
    options = ServerOptions(
        SERVICE_NAME,
        settings.host,
        settings.port,
        drain_s=settings.drain_s,
        tls=server_tls(settings),
        health_port=settings.health_port,
        metrics_port=settings.metrics_port,
    )
    registry = process_registry()
    loaded = _Loaded()
    await run_server(
        options,
        lambda: _load(settings, registry, loaded),
        registry=registry,
        check=loaded.check,
    )


@dataclass
class _Loaded:
    """The servicer, once there is one."""

    servicer: EncoderServicer | None = None

    async def check(self) -> None:
        if self.servicer is not None:
            await self.servicer.check()


@asynccontextmanager
async def _load(
    settings: EncoderSettings, registry: CollectorRegistry, loaded: _Loaded
) -> AsyncIterator[Register]:
    # Before the imports: who named a wrong folder should not wait for them.
    await asyncio.to_thread(resolve_checkpoint, settings.model)
    open_servicer = await asyncio.to_thread(_import_opener)
    async with open_servicer(settings, registry) as servicer:
        loaded.servicer = servicer

        def register(server: aio.Server) -> None:
            add_servicer(servicer, server)

        yield register


def _import_opener() -> Opener:
    # torch takes seconds: the server listens and tells its health meanwhile.
    log(_logger, "loading torch")
    from sightline_encoder.loading import open_servicer

    return open_servicer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
