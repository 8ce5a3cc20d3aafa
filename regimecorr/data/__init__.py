"""The one door for prices: loading, checking, alignment, download and bundled data sets."""

from __future__ import annotations

from regimecorr.data.alignment import AlignedPair, AlignmentReport, StaleRun, align
from regimecorr.data.prices import load_prices

__all__ = ["AlignedPair", "AlignmentReport", "StaleRun", "align", "load_prices"]
