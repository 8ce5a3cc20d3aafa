"""Monitoring a correlation row by row for a change."""

from regimecorr.inference.monitoring.result import Monitor
from regimecorr.inference.monitoring.run import monitor

__all__ = ["Monitor", "monitor"]
