"""What tells a supervisor whether the service lives, and whether it can answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sightline_web.generator_client import Generator


class Probes:
    """Liveness is the process's own; readiness is the generator's too."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def routes(self) -> list[Route]:
        return [Route("/health", self.show_health), Route("/ready", self.show_readiness)]

    async def show_health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def show_readiness(self, request: Request) -> Response:
        ready = await self._generator.is_ready()
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)
