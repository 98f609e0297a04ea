"""Runs the whole suite on one machine: `make run`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sightline_common.child_process import ChildProcess, Probe, say
from sightline_common.command_line import check_arguments
from sightline_common.config import MAX_PORT, SettingInvalidError, read_settings, setting
from sightline_common.malloc import MALLOC_VARIABLES
from sightline_common.probe import PROBE_TIMEOUT_S, is_serving
from sightline_common.service_settings import ServiceSettings
from sightline_common.tls import client_tls

STOP_GRACE_S = 10.0
DRAIN_VARIABLES = {"SIGHTLINE_ENCODER_DRAIN_S": "5", "SIGHTLINE_GENERATOR_DRAIN_S": "5"}
"""So that what still runs is ended with a reason, before its process is killed."""
OPENMP_VARIABLES = {"OMP_WAIT_POLICY": "passive"}
"""Services share the cores: threads that spin at a barrier keep those off that they wait for."""


def _port(variable: str, help: str, default: int) -> Any:
    return setting(variable, help, default=default, minimum=1, maximum=MAX_PORT)


class LaunchError(RuntimeError):
    """Means that the suite cannot start or did not stay up."""


@dataclass(frozen=True)
class LauncherSettings(ServiceSettings):
    """Says where the services listen, and how they are asked for their health."""

    web_port: int = _port("SIGHTLINE_WEB_PORT", "Port of page and REST API.", 8080)
    generator_port: int = _port(
        "SIGHTLINE_GENERATOR_PORT", "Port of the generator's gRPC API.", 50052
    )
    encoder_port: int = _port("SIGHTLINE_ENCODER_PORT", "Port of the encoder's gRPC API.", 50051)


def main(arguments: Sequence[str] = ()) -> None:
    """Starts everything, waits for Ctrl-C, and stops everything."""
    check_arguments("sightline_common.launcher", LauncherSettings, arguments)
    try:
        settings = read_settings(LauncherSettings)
        asyncio.run(run_suite(settings))
    except (LaunchError, SettingInvalidError) as error:
        sys.exit(f"sightline  {error}")


async def run_suite(settings: LauncherSettings) -> None:
    """Runs the three services until SIGINT or SIGTERM.

    Raises LaunchError when a port is taken or a service ends by itself.
    """
    _check_ports_free(settings)
    stop_asked = _stop_on_signals()
    children = _children(settings, os.environ)
    start_time = time.monotonic()
    try:
        for child in children:
            await child.start()
        await _until_stop_or_death(_announce(children, settings, start_time), children, stop_asked)
    finally:
        say("sightline", "stopping")
        for child in reversed(children):
            await child.stop(STOP_GRACE_S)


async def _until_stop_or_death(
    announcing: asyncio.Task[None], children: Sequence[ChildProcess], stop_asked: asyncio.Event
) -> None:
    stop = asyncio.create_task(stop_asked.wait())
    deaths = {asyncio.create_task(child.wait_dead()): child for child in children}
    try:
        await asyncio.wait([stop, *deaths], return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            _raise_death(deaths)
    finally:
        for task in (announcing, stop, *deaths):
            task.cancel()


def _raise_death(deaths: Mapping[asyncio.Task[int], ChildProcess]) -> None:
    for task, child in deaths.items():
        if task.done():
            reason = child.tail[-1] if child.tail else "no output"
            raise LaunchError(f"{child.name} ended with status {task.result()}: {reason}")


def _announce(
    children: Sequence[ChildProcess], settings: LauncherSettings, start_time: float
) -> asyncio.Task[None]:
    async def announce() -> None:
        for child in children:
            await child.wait_ready()
        seconds = time.monotonic() - start_time
        say("sightline", f"ready after {seconds:.1f} s")
        say("sightline", f"open http://127.0.0.1:{settings.web_port}")

    return asyncio.create_task(announce())


def _children(settings: LauncherSettings, environ: Mapping[str, str]) -> list[ChildProcess]:
    encoder = f"127.0.0.1:{settings.encoder_port}"
    generator = f"127.0.0.1:{settings.generator_port}"
    tls = client_tls(settings)
    shared = {
        **MALLOC_VARIABLES,
        **OPENMP_VARIABLES,
        **DRAIN_VARIABLES,
        "SIGHTLINE_ENCODER_TARGET": encoder,
        "SIGHTLINE_GENERATOR_TARGET": generator,
        **environ,
    }
    return [
        ChildProcess("encoder", "sightline_encoder", shared, partial(is_serving, encoder, tls)),
        ChildProcess(
            "generator", "sightline_generator", shared, partial(is_serving, generator, tls)
        ),
        ChildProcess("web", "sightline_web", shared, _http_probe(settings.web_port)),
    ]


def _http_probe(port: int) -> Probe:
    async def probe() -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return await _http_status(port, "/ready") == 200
        except (OSError, TimeoutError, ValueError, IndexError):
            return False

    return probe


async def _http_status(port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def _check_ports_free(settings: LauncherSettings) -> None:
    for variable, port in (
        ("SIGHTLINE_ENCODER_PORT", settings.encoder_port),
        ("SIGHTLINE_GENERATOR_PORT", settings.generator_port),
        ("SIGHTLINE_WEB_PORT", settings.web_port),
    ):
        if not _is_free(port):
            raise LaunchError(f"port {port} is in use; set {variable} to a free one")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _stop_on_signals() -> asyncio.Event:
    stop_asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup is to outlive its terminal
        asyncio.get_running_loop().add_signal_handler(number, stop_asked.set)
    return stop_asked


if __name__ == "__main__":
    main(sys.argv[1:])
