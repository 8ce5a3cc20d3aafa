"""Claims about the log-price gap: who closed it, positioning, the present set-up, records, mean reversion."""

from __future__ import annotations

from regimecorr.inference.claims.evidence import ClaimTest

TESTS: dict[str, ClaimTest] = {}
