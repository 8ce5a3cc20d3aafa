"""Claims about signals: momentum indicators, a high correlation."""

from __future__ import annotations

from regimecorr.inference.claims.evidence import ClaimTest

TESTS: dict[str, ClaimTest] = {}
