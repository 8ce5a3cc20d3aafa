"""Tell whether a divergence of two correlated assets is transient or structural.

The answer is a probability that can be scored. Start with `assess`; see the documentation for the
definitions behind every number.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from regimecorr import plotting
    from regimecorr.assessment import assess
    from regimecorr.data import datasets
    from regimecorr.data.prices import load_prices
    from regimecorr.data.sources import download
    from regimecorr.episodes.atlas import episode_paths
    from regimecorr.episodes.detect import find_episodes
    from regimecorr.episodes.durations import episode_durations
    from regimecorr.episodes.pathways import episode_pathways
    from regimecorr.evaluation.backtest import BacktestRecord, backtest
    from regimecorr.evaluation.learning import calibrate
    from regimecorr.evaluation.vintages import Calibration
    from regimecorr.events import rolling_correlation
    from regimecorr.inference.association import test_association
    from regimecorr.inference.chp import carrasco_hu_ploberger
    from regimecorr.inference.claim import test_claim
    from regimecorr.inference.claims.table import (
        Event,
        PublishedClaim,
        published_claims,
        published_events,
    )
    from regimecorr.inference.claims.trial import test_claims
    from regimecorr.inference.constancy import test_constancy
    from regimecorr.inference.context.build import context
    from regimecorr.inference.levels import audit_levels
    from regimecorr.inference.monitoring import monitor
    from regimecorr.inference.positioning import test_positioning
    from regimecorr.inference.regimes import select_regimes, test_regimes
    from regimecorr.inference.segmentation import find_breaks
    from regimecorr.inference.timing.build import timing
    from regimecorr.models.breaks import BreakCorrelation
    from regimecorr.models.constant import ConstantCorrelation
    from regimecorr.models.dcc import DCC
    from regimecorr.models.drifting import DriftingCorrelation
    from regimecorr.models.fisher import fisher_switching
    from regimecorr.models.margins import GARCH
    from regimecorr.models.switching import SwitchingCorrelation, SwitchingDCC
    from regimecorr.replay.result import History
    from regimecorr.replay.run import history
    from regimecorr.scanning.result import Scan
    from regimecorr.scanning.run import scan
    from regimecorr.verdict import Verdict
    from regimecorr.worlds import simulate

_HOME = {
    "DCC": "models.dcc",
    "Event": "inference.claims.table",
    "GARCH": "models.margins",
    "History": "replay.result",
    "BacktestRecord": "evaluation.backtest",
    "BreakCorrelation": "models.breaks",
    "Calibration": "evaluation.vintages",
    "ConstantCorrelation": "models.constant",
    "DriftingCorrelation": "models.drifting",
    "PublishedClaim": "inference.claims.table",
    "Scan": "scanning.result",
    "SwitchingCorrelation": "models.switching",
    "SwitchingDCC": "models.switching",
    "Verdict": "verdict",
    "assess": "assessment",
    "audit_levels": "inference.levels",
    "backtest": "evaluation.backtest",
    "calibrate": "evaluation.learning",
    "carrasco_hu_ploberger": "inference.chp",
    "context": "inference.context.build",
    "download": "data.sources",
    "episode_durations": "episodes.durations",
    "episode_paths": "episodes.atlas",
    "episode_pathways": "episodes.pathways",
    "find_breaks": "inference.segmentation",
    "find_episodes": "episodes.detect",
    "fisher_switching": "models.fisher",
    "history": "replay.run",
    "load_prices": "data.prices",
    "monitor": "inference.monitoring",
    "published_claims": "inference.claims.table",
    "published_events": "inference.claims.table",
    "rolling_correlation": "events",
    "scan": "scanning.run",
    "select_regimes": "inference.regimes",
    "simulate": "worlds",
    "test_association": "inference.association",
    "test_claim": "inference.claim",
    "test_claims": "inference.claims.trial",
    "test_constancy": "inference.constancy",
    "test_positioning": "inference.positioning",
    "test_regimes": "inference.regimes",
    "timing": "inference.timing.build",
}

_MODULES = {"datasets": "data.datasets", "plotting": "plotting"}

__all__ = [
    "DCC",
    "GARCH",
    "BacktestRecord",
    "BreakCorrelation",
    "Calibration",
    "ConstantCorrelation",
    "DriftingCorrelation",
    "Event",
    "History",
    "PublishedClaim",
    "Scan",
    "SwitchingCorrelation",
    "SwitchingDCC",
    "Verdict",
    "__version__",
    "assess",
    "audit_levels",
    "backtest",
    "calibrate",
    "carrasco_hu_ploberger",
    "context",
    "datasets",
    "download",
    "episode_durations",
    "episode_paths",
    "episode_pathways",
    "find_breaks",
    "find_episodes",
    "fisher_switching",
    "history",
    "load_prices",
    "monitor",
    "plotting",
    "published_claims",
    "published_events",
    "rolling_correlation",
    "scan",
    "select_regimes",
    "simulate",
    "test_association",
    "test_claim",
    "test_claims",
    "test_constancy",
    "test_positioning",
    "test_regimes",
    "timing",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _MODULES:
        value: Any = importlib.import_module(f"regimecorr.{_MODULES[name]}")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"regimecorr.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'regimecorr' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
