"""k of n: published figures, defining equations, coverage, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.inference.proportions import proportion


class TestPublishedFigures:
    @pytest.mark.parametrize(
        ("k", "one_sided", "two_sided"), [(5, 0.549, 0.478), (10, 0.741, 0.692), (30, 0.905, 0.884)]
    )
    def test_k_of_k(self, k, one_sided, two_sided):
        record = proportion(k, k)
        assert record.lower == pytest.approx(one_sided, abs=5e-4)
        assert record.clopper_pearson == pytest.approx((two_sided, 1.0), abs=5e-4)
        assert record.upper == 1.0

    def test_five_of_five_in_bayesian_terms(self):
        record = proportion(5, 5)
        assert record.jeffreys_mean == pytest.approx(0.917, abs=5e-4)
        assert record.jeffreys == pytest.approx((0.621, 1.0), abs=5e-4)
        assert record.next_success == pytest.approx(6 / 7)


class TestDefinition:
    @pytest.mark.parametrize(("k", "n"), [(1, 7), (3, 5), (11, 12), (40, 97)])
    @pytest.mark.parametrize("ci_prob", [0.8, 0.99])
    def test_exact_limits_have_the_tails(self, k, n, ci_prob):
        record = proportion(k, n, ci_prob)
        low, high = record.clopper_pearson
        tail = (1.0 - ci_prob) / 2.0
        assert stats.binom.sf(k - 1, n, low) == pytest.approx(tail)
        assert stats.binom.cdf(k, n, high) == pytest.approx(tail)
        assert stats.binom.sf(k - 1, n, record.lower) == pytest.approx(2.0 * tail)
        assert stats.binom.cdf(k, n, record.upper) == pytest.approx(2.0 * tail)
        posterior = stats.beta(k + 0.5, n - k + 0.5)
        assert np.diff(posterior.cdf(record.jeffreys)) == pytest.approx(ci_prob)
        assert record.jeffreys_mean == pytest.approx(posterior.mean())

    @pytest.mark.parametrize(("k", "n"), [(0, 4), (3, 4), (4, 4), (2, 9)])
    def test_failures_mirror_successes(self, k, n):
        one, other = proportion(k, n), proportion(n - k, n)
        low, high = other.clopper_pearson
        assert one.clopper_pearson == pytest.approx((1.0 - high, 1.0 - low))
        assert one.jeffreys == pytest.approx((1.0 - other.jeffreys[1], 1.0 - other.jeffreys[0]))
        assert one.lower == pytest.approx(1.0 - other.upper)
        assert one.next_success == pytest.approx(1.0 - other.next_success)

    @pytest.mark.parametrize("n", [5, 17])
    def test_coverage(self, n):
        shares = np.linspace(0.005, 0.995, 199)
        weights = stats.binom.pmf(np.arange(n + 1)[:, None], n, shares)
        records = [proportion(k, n, 0.9) for k in range(n + 1)]

        def coverage(limits):
            low, high = np.array(limits).T
            inside = (low[:, None] <= shares) & (shares <= high[:, None])
            return (weights * inside).sum(axis=0)

        assert coverage([r.clopper_pearson for r in records]).min() >= 0.9
        assert coverage([(r.lower, 1.0) for r in records]).min() >= 0.9
        assert coverage([(0.0, r.upper) for r in records]).min() >= 0.9
        jeffreys = coverage([r.jeffreys for r in records])
        assert jeffreys.mean() == pytest.approx(0.9, abs=0.02)
        assert jeffreys.min() < 0.9  # it covers on average, not everywhere


class TestReading:
    def test_table_and_text_agree(self):
        record = proportion(4, 5)
        table = record.table
        assert table.loc["clopper_pearson"].tolist() == [0.8, *record.clopper_pearson]
        assert table.loc["jeffreys", "estimate"] == pytest.approx(4.5 / 6.0)
        text = record.summary()
        assert "4 of 5" in text
        assert f"{record.lower:.3f}" in text
        assert "nan" not in text.lower()
        assert "4 of 5" in repr(record)

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            proportion(1, 2).successes = 2


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((6, 5), "successes=6 exceeds trials=5"),
            ((0, 0), "trials=0"),
            ((-1, 5), "successes=-1"),
            ((2.5, 5), "successes=2.5"),
            ((True, 5), "successes=True"),
            ((2, 5, 1.0), "ci_prob=1.0"),
            ((2, 5, float("nan")), "ci_prob=nan"),
        ],
    )
    def test_says_what_is_wrong(self, arguments, message):
        with pytest.raises(ModelError, match=message):
            proportion(*arguments)

    def test_counts_of_numpy_are_counts(self):
        assert proportion(np.int64(5), np.int32(5)) == proportion(5, 5)
