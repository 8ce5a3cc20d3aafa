"""Bayesian regime models: priors in durations, NUTS, evidence, sensitivity.

PyMC is loaded when something is sampled.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from regimecorr.models.bayes.priors import MarginPriors, RegimePriors

if TYPE_CHECKING:
    from regimecorr.models.bayes.result import BayesianSwitchingResult
    from regimecorr.models.bayes.sampling import sample_regimes

__all__ = ["BayesianSwitchingResult", "MarginPriors", "RegimePriors", "sample_regimes"]

_HOME = {"BayesianSwitchingResult": "result", "sample_regimes": "sampling"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
