"""What every HTTP request passes before it reaches a route."""

from __future__ import annotations

from starlette.types import ASGIApp

from sightline_web.config import WebSettings
from sightline_web.draining import Draining
from sightline_web.middleware.body_limit import BodyLimitMiddleware
from sightline_web.middleware.compression import CompressionMiddleware
from sightline_web.middleware.draining import DrainingMiddleware
from sightline_web.middleware.hosts import HostMiddleware
from sightline_web.middleware.observation import ObservationMiddleware
from sightline_web.middleware.origin import OriginMiddleware
from sightline_web.middleware.preferences import PreferencesMiddleware
from sightline_web.middleware.request_ids import RequestIdMiddleware
from sightline_web.middleware.security_headers import SecurityHeadersMiddleware
from sightline_web.web_metrics import WebMetrics


def guard(app: ASGIApp, settings: WebSettings, metrics: WebMetrics, draining: Draining) -> ASGIApp:
    """Wraps an application; the last line is the first that a request meets."""
    app = CompressionMiddleware(app)
    app = BodyLimitMiddleware(app, settings.max_body_bytes)
    app = OriginMiddleware(app)
    app = HostMiddleware(app, settings.host_names)
    app = SecurityHeadersMiddleware(app)
    app = PreferencesMiddleware(app)
    app = DrainingMiddleware(app, draining)
    app = ObservationMiddleware(app, metrics)
    return RequestIdMiddleware(app)
