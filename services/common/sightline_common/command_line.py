"""The command line of a service, which has settings in its environment and no arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sightline_common.config import setting_specs


def check_arguments(module: str, settings_type: type[object], arguments: Sequence[str]) -> None:
    """Prints help where it is asked for, and refuses everything else with status 2.

    Raises SystemExit in both cases.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        usage="%(prog)s [--help]",
        description="Takes its settings from the environment; docs/settings.md explains them.",
        epilog="\n".join(["settings and their defaults:", *_settings(settings_type)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)


def _settings(settings_type: type[object]) -> list[str]:
    return [
        f"  {spec.variable}={'' if default is None else default}\n      {spec.help}"
        for spec, default in setting_specs(settings_type)
    ]
