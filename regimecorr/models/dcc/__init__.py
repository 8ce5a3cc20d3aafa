"""Dynamic conditional correlation: CCC, DCC(p, q), cDCC and ADCC, for two assets or many."""

from regimecorr.models.dcc.forecasting import CorrelationForecast
from regimecorr.models.dcc.result import DCCResult
from regimecorr.models.dcc.spec import DCC

__all__ = ["DCC", "CorrelationForecast", "DCCResult"]
