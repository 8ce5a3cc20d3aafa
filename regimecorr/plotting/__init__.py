"""Pictures, made from the frames of a verdict. Only this room draws."""

from __future__ import annotations

from regimecorr.plotting.atlas import plot_episodes
from regimecorr.plotting.claim import plot_claim, plot_worlds
from regimecorr.plotting.context import (
    plot_beta,
    plot_conditional,
    plot_context,
    plot_gap,
    plot_momentum,
    plot_percent,
)
from regimecorr.plotting.forecast import plot_forecast
from regimecorr.plotting.history import plot_history, plot_verdicts, plot_weights
from regimecorr.plotting.levels import plot_levels
from regimecorr.plotting.overview import overview
from regimecorr.plotting.panels import plot_correlation, plot_prices
from regimecorr.plotting.pathways import plot_pathways
from regimecorr.plotting.probability import plot_probability
from regimecorr.plotting.regimes import plot_regimes
from regimecorr.plotting.reliability import plot_reliability
from regimecorr.plotting.resolution import plot_resolution
from regimecorr.plotting.scan import plot_breadth, plot_scan
from regimecorr.plotting.style import save

__all__ = [
    "overview",
    "plot_beta",
    "plot_breadth",
    "plot_claim",
    "plot_conditional",
    "plot_context",
    "plot_correlation",
    "plot_episodes",
    "plot_forecast",
    "plot_gap",
    "plot_history",
    "plot_levels",
    "plot_momentum",
    "plot_pathways",
    "plot_percent",
    "plot_prices",
    "plot_probability",
    "plot_regimes",
    "plot_reliability",
    "plot_resolution",
    "plot_scan",
    "plot_verdicts",
    "plot_weights",
    "plot_worlds",
    "save",
]
