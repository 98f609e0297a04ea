"""The distributions of distances as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sightline_encoder.confirmation import MAX_DISTANCE

from benchmarks.similar.journeys import JOURNEYS
from benchmarks.similar.trial import Trial

BINS = [float(edge) for edge in np.geomspace(0.005, 10, 70)]


def draw_distances(trials: Sequence[Trial], path: Path) -> None:
    """Writes a histogram of the same and the different, and the threshold between them."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    groups = {
        "the same, promised journeys": (False, True),
        "the same, other journeys": (False, False),
        "different": (True, None),
    }
    for label, (different, promised) in groups.items():
        distances = [
            max(BINS[0], min(trial.distance, BINS[-1]))
            for trial in trials
            if trial.different == different and promised in (None, JOURNEYS[trial.journey].promised)
        ]
        axes.hist(distances, BINS, label=label, alpha=0.6)
    axes.axvline(MAX_DISTANCE, color="black", linewidth=1, label=f"threshold {MAX_DISTANCE:g}")
    axes.set_xscale("log")
    axes.set_xlabel("distance: the largest local difference as a share of the contrast around it")
    axes.set_ylabel("pictures")
    axes.legend()
    FigureCanvasAgg(figure).print_figure(path, dpi=100)
