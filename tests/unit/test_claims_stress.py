"""The claim about falls in stress, on samples in which it is true, false or unknowable."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.inference.claims.stress import TESTS
from tests.unit.test_claims_link import SINCE, after, linked, same, sample_of


class TestFallsLess:
    def test_true(self):
        rng = np.random.default_rng(30)
        returns = linked(rng, 2000, 1.5)
        calm = after(2000) & (returns[:, 1] < 0.0)
        returns[calm, 0] -= 1.3 * returns[calm, 1]
        found = TESTS["falls_less_in_stress"](
            sample_of(returns), basis="returns", since=SINCE, stress=0.1
        )
        assert found.pvalue < 0.05
        assert found.estimate == pytest.approx(-1.3, abs=0.3)
        assert found.power > 0.8

    def test_false(self):
        rng = np.random.default_rng(31)
        rejected = 0
        for seed in range(25):
            sample = sample_of(linked(rng, 1500, 1.5), seed=seed)
            found = TESTS["falls_less_in_stress"](sample, basis="returns", since=SINCE, stress=0.1)
            rejected += found.pvalue < 0.1
        assert rejected <= 7

    def test_refuted(self):
        returns = linked(np.random.default_rng(32), 2000, np.where(after(2000), 2.5, 1.0))
        found = TESTS["falls_less_in_stress"](
            sample_of(returns), basis="returns", since=SINCE, stress=0.1
        )
        assert found.contradicted

    def fours(self, rng, n, own, peer):
        """Pair, peer and market, the link of asset and peer by row."""
        market = 0.01 * rng.standard_t(6, n)
        benchmark = market + 0.002 * rng.standard_normal(n)
        links = [slope * benchmark + 0.005 * rng.standard_normal(n) for slope in (own, peer)]
        return np.column_stack([links[0], benchmark, links[1], market])

    def told(self, note, link):
        """Change and interval told of a link."""
        text = note.split(f"{link} ")[1].split("]")[0].replace("[", "").replace(",", "")
        return [float(part) for part in text.split()]

    def test_peer_and_market_are_told(self):
        """The asset changed, and so towards the market; its peer did not."""
        returns = self.fours(np.random.default_rng(35), 2000, np.where(after(2000), 0.5, 1.5), 1.5)
        options = {"basis": "returns", "since": SINCE, "stress": 0.1}
        found = TESTS["falls_less_in_stress"](sample_of(returns, names="ABCD"), **options)
        peer, low, high = self.told(found.note, "C against B")
        assert low < 0.0 < high
        assert peer == pytest.approx(0.0, abs=0.2)
        market, low, high = self.told(found.note, "A against D")
        assert low < market < high < 0.0
        assert market == pytest.approx(-1.0, abs=0.2)
        # The claim's own test is that of the pair.
        alone = TESTS["falls_less_in_stress"](sample_of(returns[:, :2]), **options)
        assert alone.statistic == found.statistic
        assert "against" not in alone.note
        only = TESTS["falls_less_in_stress"](sample_of(returns[:, :3], names="ABC"), **options)
        assert "C against B" in only.note
        assert "A against" not in only.note

    def test_a_pair_given_as_peer_shows_the_same_change(self):
        returns = linked(np.random.default_rng(36), 1800, 1.2)
        found = TESTS["falls_less_in_stress"](
            sample_of(returns[:, [0, 1, 0]], names="ABC"), basis="returns", since=SINCE, stress=0.1
        )
        assert self.told(found.note, "C against B") == pytest.approx(
            [found.estimate, found.lower, found.upper], abs=0.006
        )

    def test_a_peer_with_holes_or_too_short(self):
        returns = self.fours(np.random.default_rng(37), 2000, 1.5, np.where(after(2000), 0.5, 1.5))
        options = {"basis": "returns", "since": SINCE, "stress": 0.1}
        sample = sample_of(returns, names="ABCD")
        sample.others.loc[sample.others.index.day == 13, "C"] = np.nan
        found = TESTS["falls_less_in_stress"](sample, **options)
        assert self.told(found.note, "C against B")[0] == pytest.approx(-1.0, abs=0.2)
        sample.others.loc[:"2017-12-01", "C"] = np.nan
        found = TESTS["falls_less_in_stress"](sample, **options)
        assert "C against B not known: 2 and" in found.note
        sample.others["C"] = np.nan
        found = TESTS["falls_less_in_stress"](sample, **options)
        assert "C against B not known: no common rows" in found.note

    def test_later_rows_of_peer_and_market_change_nothing(self):
        returns = self.fours(np.random.default_rng(38), 1800, 1.0, 1.0)
        changed = returns.copy()
        changed[1600:] *= 4.0
        same(
            *(
                TESTS["falls_less_in_stress"](
                    sample_of(r, cut=1600, names="ABCD"), basis="returns", since=SINCE, stress=0.1
                )
                for r in (returns, changed)
            )
        )

    def test_too_few_stress_days(self):
        sample = sample_of(linked(np.random.default_rng(33), 1100, 1.0))
        found = TESTS["falls_less_in_stress"](sample, basis="returns", since=SINCE, stress=0.1)
        assert "stress days before and" in found.uninformative

    def test_later_rows_change_nothing(self):
        returns = linked(np.random.default_rng(34), 1800, 1.0)
        changed = returns.copy()
        changed[1600:] *= 4.0
        same(
            *(
                TESTS["falls_less_in_stress"](
                    sample_of(r, cut=1600), basis="returns", since=SINCE, stress=0.1
                )
                for r in (returns, changed)
            )
        )
