"""Claims about changes and causes: events, whose break it is, who leads."""

from __future__ import annotations

from regimecorr.inference.claims.evidence import ClaimTest

TESTS: dict[str, ClaimTest] = {}
