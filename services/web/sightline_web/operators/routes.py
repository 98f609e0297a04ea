"""The operators' page. Who may see it is decided before it is reached."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web.accounts.paths import OPERATOR_PATH
from sightline_web.catalog import ModelCatalog
from sightline_web.operators.figures import Figures
from sightline_web.operators.sampler import INTERVAL_S, Sampler
from sightline_web.pages import page


class OperatorPages:
    """A page, and the part of it that is asked for again every few seconds."""

    def __init__(self, sampler: Sampler, catalog: ModelCatalog) -> None:
        self._sampler = sampler
        self._catalog = catalog

    def routes(self) -> list[Route]:
        return [
            Route(OPERATOR_PATH, self.show),
            Route(f"{OPERATOR_PATH}/figures", self.show_figures),
        ]

    async def show(self, request: Request) -> Response:
        seconds = round(INTERVAL_S)
        return page("operator.html", figures=await self._figures(), seconds=seconds)

    async def show_figures(self, request: Request) -> Response:
        return page("_figures_again.html", figures=await self._figures())

    async def _figures(self) -> Figures:
        if not self._sampler.samples:
            await self._sampler.take()
        return Figures(self._sampler.samples, await self._catalog.current_or_none())
