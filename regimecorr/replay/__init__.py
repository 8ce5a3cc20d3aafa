"""The verdict replayed through the past, each day with what was known on it."""

from regimecorr.replay.result import History
from regimecorr.replay.run import history

__all__ = ["History", "history"]
