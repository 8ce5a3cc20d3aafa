"""Claims about the strength of the link: weakening, risk appetite, beta, falls in stress."""

from __future__ import annotations

from regimecorr.inference.claims.evidence import ClaimTest

TESTS: dict[str, ClaimTest] = {}
