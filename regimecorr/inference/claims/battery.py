"""The tests of claims by name."""

from __future__ import annotations

from regimecorr.inference.claims import changes, chart, gaps, link, signals
from regimecorr.inference.claims.evidence import ClaimTest

CLAIM_TESTS: dict[str, ClaimTest] = {
    **chart.TESTS,
    **gaps.TESTS,
    **link.TESTS,
    **signals.TESTS,
    **changes.TESTS,
}
