"""Sightline's chat page and OpenAI-compatible REST API."""

from importlib.metadata import version

__version__ = version("sightline-web")
