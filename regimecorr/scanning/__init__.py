"""Many pairs: the verdict of every pair of a panel, kept as it is made."""

from regimecorr.scanning.result import Scan
from regimecorr.scanning.run import scan

__all__ = ["Scan", "scan"]
