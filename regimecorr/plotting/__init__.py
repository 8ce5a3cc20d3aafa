"""Pictures, made from the frames of a verdict. Only this room draws."""

from __future__ import annotations

from regimecorr.plotting.forecast import plot_forecast
from regimecorr.plotting.history import plot_history, plot_verdicts, plot_weights
from regimecorr.plotting.panels import plot_correlation, plot_prices
from regimecorr.plotting.probability import plot_probability
from regimecorr.plotting.reliability import plot_reliability

__all__ = [
    "plot_correlation",
    "plot_forecast",
    "plot_history",
    "plot_prices",
    "plot_probability",
    "plot_reliability",
    "plot_verdicts",
    "plot_weights",
]
