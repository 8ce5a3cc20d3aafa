"""Claims about the chart: bands, low spells, resolution, sustained falls, short against long window."""

from __future__ import annotations

from regimecorr.inference.claims.evidence import ClaimTest

TESTS: dict[str, ClaimTest] = {}
