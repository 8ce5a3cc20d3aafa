"""Breaks of a correlation: how many, when, and between which levels."""

from regimecorr.inference.segmentation.result import Breaks
from regimecorr.inference.segmentation.run import find_breaks

__all__ = ["Breaks", "find_breaks"]
