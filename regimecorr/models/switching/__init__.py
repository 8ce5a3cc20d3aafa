"""Markov-switching correlation: regimes, their estimation and what can be asked of them."""

from regimecorr.models.switching.chain import regime_names
from regimecorr.models.switching.result import SwitchingResult
from regimecorr.models.switching.spec import SwitchingCorrelation, SwitchingDCC

__all__ = ["SwitchingCorrelation", "SwitchingDCC", "SwitchingResult", "regime_names"]
