"""`python -m sightline_generator`: settings, logging, server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from grpc import aio
from prometheus_client import CollectorRegistry
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.checkpoint import CheckpointError
from sightline_common.command_line import check_arguments
from sightline_common.config import SettingInvalidError, read_settings
from sightline_common.errors import EngineFailedError, ModelMismatchError, SightlineError
from sightline_common.event_loop import run
from sightline_common.metric_families import process_registry
from sightline_common.server import Register, ServerOptions, run_server
from sightline_common.telemetry import configure_logging, log
from sightline_common.tls import server_tls
from sightline_common.tracing import start_tracing

from sightline_generator.config import GeneratorSettings

if TYPE_CHECKING:
    from sightline_generator.servicer import GeneratorServicer

    OnDeath: TypeAlias = Callable[[SightlineError], None]
    Opener: TypeAlias = Callable[
        [GeneratorSettings, OnDeath, CollectorRegistry],
        AbstractAsyncContextManager[GeneratorServicer],
    ]

SERVICE_NAME = generator_pb2.DESCRIPTOR.services_by_name["GeneratorService"].full_name
REFUSED = 2
"""Exit code of a start that a setting, the checkpoint or the encoder's makes impossible."""
DIED = 1
"""Exit code when the engine cannot go on."""
_logger = logging.getLogger("sightline_generator")


def main(arguments: Sequence[str] = ()) -> int:
    check_arguments("sightline_generator", GeneratorSettings, arguments)
    try:
        settings = read_settings(GeneratorSettings)
        configure_logging("generator", settings.log_level, settings.log_format)
        start_tracing("generator", settings.traces)
        run(serve(settings))
    except (SettingInvalidError, CheckpointError, ModelMismatchError) as error:
        configure_logging("generator")
        log(_logger, f"cannot start: {error}", logging.ERROR)
        return REFUSED
    except EngineFailedError as error:
        log(_logger, f"ended: {error}", logging.ERROR)
        return DIED
    return 0


async def serve(settings: GeneratorSettings) -> None:
    options = ServerOptions(
        SERVICE_NAME,
        settings.host,
        settings.port,
        max_message_bytes=settings.max_message_bytes,
        drain_s=settings.drain_s,
        tls=server_tls(settings),
        health_port=settings.health_port,
        metrics_port=settings.metrics_port,
    )
    registry = process_registry()
    failure = asyncio.get_running_loop().create_future()
    await run_server(
        options, lambda: _load(settings, failure.set_exception, registry), failure, registry
    )


@asynccontextmanager
async def _load(
    settings: GeneratorSettings, on_death: OnDeath, registry: CollectorRegistry
) -> AsyncIterator[Register]:
    open_servicer = await asyncio.to_thread(_import_opener)
    async with open_servicer(settings, on_death, registry) as servicer:

        def register(server: aio.Server) -> None:
            generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, server)

        yield register


def _import_opener() -> Opener:
    # torch and transformers take seconds: the server listens and tells its health meanwhile.
    log(_logger, "loading torch and transformers")
    from sightline_generator.loading import open_servicer

    return open_servicer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
