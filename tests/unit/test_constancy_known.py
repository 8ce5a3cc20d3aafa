"""The known-date test, sides without a correlation, Forbes and Rigobon's diagnostic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import norm, t

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.known import adjusted_correlation, sum_of_variances
from regimecorr.inference.known_dates import (
    change_statistic,
    long_run_variance,
)
from regimecorr.kernels.constancy import change_values


def residuals(rng, n, rho, nu=np.inf, reps=None):
    """Elliptical residuals (n, 2), or (reps, n, 2), along a correlation."""
    z = rng.standard_normal((reps or 1, n, 2))
    rho = np.broadcast_to(rho, n)
    z[..., 1] = rho * z[..., 0] + np.sqrt(1.0 - rho**2) * z[..., 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, z.shape[:2]))[..., None]
    return z if reps else z[0]


class TestKnownDate:
    def test_by_hand(self):
        z = residuals(np.random.default_rng(20), 400, 0.4, 5.0)
        test = constancy(z, method="known_date", margins=None, date=300)
        r0, r1 = (np.corrcoef(part.T)[0, 1] for part in (z[:300], z[300:]))
        _, _, v0, v1 = change_values(*np.ascontiguousarray(z.T), 300)
        # Bandwidths 5 and 4 take as many hundredths of the variance away.
        variance = v0 / (1 - 5 / 300) + v1 / (1 - 4 / 100)
        statistic = (np.arctanh(r1) - np.arctanh(r0)) / np.sqrt(variance)
        assert test.statistic == pytest.approx(statistic, rel=1e-9)
        df = sum_of_variances((v0, v1), (300, 100))[1]
        assert test.details["df"] == pytest.approx(df, rel=1e-9)
        assert test.pvalue == pytest.approx(2 * t.sf(abs(statistic), df), rel=1e-9)
        assert test.critical_values["5%"] == pytest.approx(t.isf(0.025, df), rel=1e-9)
        plain = constancy(z, method="known_date", margins=None, date=300, robust=False)
        error = np.sqrt(1 / 297 + 1 / 97)
        fisher = (np.arctanh(r1) - np.arctanh(r0)) / error
        assert plain.statistic == pytest.approx(fisher, rel=1e-10)
        assert plain.pvalue == pytest.approx(2 * norm.sf(abs(fisher)), rel=1e-10)

    def test_the_law_of_the_error(self):
        """Mean and variance of Bartlett's estimate for products of normals, by simulation."""
        rng = np.random.default_rng(26)
        for n in (90, 252):
            a, b = rng.standard_normal((2, 20_000, n))
            estimates = long_run_variance(a * b) / n
            total, df = sum_of_variances((float(estimates.mean()), 0.0), (n, 500))
            assert total == pytest.approx(1 / n, rel=0.02)
            relative = np.var(estimates) / estimates.mean() ** 2
            assert df == pytest.approx(2 / relative, rel=0.1)
        # Satterthwaite: the sum lies between its parts, the smaller side decides.
        one, other = (sum_of_variances(v, (910, 90))[1] for v in ((1.0, 0.0), (0.0, 1.0)))
        v = (1 / (1 - 6 / 910), 1 / (1 - 4 / 90))
        both = sum(v) ** 2 / (v[0] ** 2 / one + v[1] ** 2 / other)
        assert sum_of_variances((1.0, 1.0), (910, 90))[1] == pytest.approx(both)

    def test_small_pvalues_come_as_often_as_they_should(self):
        """What the adjusted p-values of many pairs live on; 1.5 n / b degrees gave twice as many.

        The windows of a scan, 252 rows against 90, t5 residuals of a constant correlation.
        """
        rng = np.random.default_rng(27)
        found = np.empty(24_000)
        for k in range(found.size):
            x, y = residuals(rng, 342, 0.5, 5.0).T
            r0, r1, *own = change_values(np.ascontiguousarray(x), np.ascontiguousarray(y), 252)
            variance, df = sum_of_variances(tuple(own), (252, 90))
            found[k] = 2 * stdtr(df, -abs(np.arctanh(r1) - np.arctanh(r0)) / np.sqrt(variance))
        for level, low, high in ((0.05, 0.9, 1.1), (0.01, 0.8, 1.2), (0.002, 0.6, 1.35)):
            assert low < (found <= level).mean() / level < high
        assert (found <= 0.0005).sum() <= 18  # 12 expected

    @pytest.mark.parametrize(("after", "size"), [(90, 0.162), (250, 0.192)])
    def test_published_sizes(self, after, size):
        """1,000 rows of t5 residuals against 90 or 250; the influence function .042 and .048."""
        n = 1000 + after
        samples = residuals(np.random.default_rng(21), n, 0.4, 5.0, reps=1500)
        found = []
        for z in samples:
            r0, r1, v0, v1 = change_values(*np.ascontiguousarray(z.T), 1000)
            gap = abs(np.arctanh(r1) - np.arctanh(r0))
            variance, df = sum_of_variances((v0, v1), (1000, after))
            u, v = ((z - z.mean(axis=0)) / z.std(axis=0)).T
            r = np.mean(u * v)
            psi = u * v - 0.5 * r * (u * u + v * v)
            pooled = psi.std() / (1 - r * r) * np.sqrt(1 / 1000 + 1 / after)
            # The influence function on either side, instead of delete-one values.
            either = float(change_statistic(*z.T, 1000)[2])
            found.append(
                (
                    gap > 1.96 * np.sqrt(1 / 997 + 1 / (after - 3)),
                    gap > 1.96 * pooled,
                    gap > t.isf(0.025, df) * np.sqrt(variance),
                    gap > t.isf(0.025, df) * either,
                )
            )
        fisher, influence, ours, sides = np.mean(found, axis=0)
        assert fisher == pytest.approx(size, abs=0.045)
        assert influence == pytest.approx(0.045, abs=0.022)
        assert ours == pytest.approx(0.05, abs=0.022)
        if after == 90:
            # What docs/theory/constancy.md says of them: two points of size.
            assert 0.01 <= sides - ours <= 0.035

    def test_dates(self):
        returns = rc.simulate("one_break", n_obs=600, rng=22).returns
        row = 420
        day = returns.index[row]
        options = {"method": "known_date"}
        one = constancy(returns, date=day, **options)
        assert one.dates == (day,)
        assert one.details["rows before"] == row
        text = constancy(returns, date=f"{day:%Y-%m-%d}", **options)
        assert text.statistic == one.statistic
        # A day without a row: the next one.
        monday = returns.index[returns.index.day_of_week == 0][60]
        saturday = monday - np.timedelta64(2, "D")
        assert constancy(returns, date=saturday, **options).dates == (monday,)
        zoned = returns.tz_localize("UTC")
        assert constancy(zoned, date=f"{day:%Y-%m-%d}", **options).statistic == one.statistic
        periods = returns.to_period("D")
        assert constancy(periods, date=f"{day:%Y-%m-%d}", **options).statistic == one.statistic
        bare = constancy(returns.to_numpy(), date=row, **options)
        assert bare.statistic == pytest.approx(one.statistic, rel=1e-12)


class TestSidesWithoutCorrelation:
    """A leg that stands still, or two legs that are one, on a side of a date."""

    @pytest.fixture
    def z(self):
        return residuals(np.random.default_rng(40), 600, 0.4, 6.0)

    @pytest.mark.parametrize("robust", [True, False])
    @pytest.mark.parametrize("moved", [None, 40])
    @pytest.mark.parametrize("method", ["sup_lm", "sup_wald", "known_date", "forbes_rigobon"])
    def test_a_leg_that_stands_still(self, z, method, moved, robust):
        date = {"date": 150} if method in ("known_date", "forbes_rigobon") else {}
        where = "150 before the date" if date else "90 at the start"
        z[:150, 1] = 0.3
        if moved is not None:
            z[moved, 1] = 3.0
        with pytest.raises(ModelError, match=f"'1' moves in one row at most of the {where}"):
            constancy(z, method=method, margins=None, robust=robust, **date)

    @pytest.mark.parametrize("robust", [True, False])
    def test_at_the_end(self, z, robust):
        z[450:, 0] = -0.2
        options = {"margins": None, "robust": robust}
        with pytest.raises(ModelError, match="'0' moves in one row at most of the 90 at the end"):
            constancy(z, method="sup_wald", **options)
        with pytest.raises(ModelError, match="of the 150 from the date on"):
            constancy(z, method="known_date", date=450, **options)

    @pytest.mark.parametrize("robust", [True, False])
    def test_one_and_the_same(self, z, robust):
        z[:300, 1] = -z[:300, 0]
        options = {"margins": None, "robust": robust}
        with pytest.raises(ModelError, match="same up to scale in the 300 rows before the date"):
            constancy(z, method="known_date", date=300, **options)
        with pytest.raises(ModelError, match="same up to scale in the 90 rows at the start"):
            constancy(z, method="sup_wald", **options)
        # These have no Fisher z to be infinite.
        assert constancy(z, method="sup_lm", **options).pvalue < 0.01
        found = constancy(z, method="forbes_rigobon", date=300, **options)
        assert found.details["before"] == pytest.approx(-1.0)

    def test_two_rows_that_move_are_enough(self, z):
        z[:90, 1] = 0.0
        z[[20, 50], 1] = 1.0, -2.0
        for method in ("sup_lm", "sup_wald"):
            assert 0.0 < constancy(z, method=method, margins=None).pvalue <= 1.0


class TestForbesRigobon:
    def test_adjustment(self):
        """A larger shock of the source alone raises the correlation; the adjustment undoes it."""
        rng = np.random.default_rng(30)
        x, e = rng.standard_normal((2, 200_000))
        x[100_000:] *= 3.0
        y = 0.5 * x + e
        calm = np.corrcoef(x[:100_000], y[:100_000])[0, 1]
        crisis = np.corrcoef(x[100_000:], y[100_000:])[0, 1]
        adjusted, rise = adjusted_correlation(crisis, x[:100_000], x[100_000:])
        assert crisis - calm > 0.35
        assert rise == pytest.approx(8.0, abs=0.2)
        assert adjusted == pytest.approx(calm, abs=0.01)

    def test_result(self):
        returns = rc.simulate("constant", n_obs=600, rng=31).returns
        returns.iloc[400:, 1] *= 3.0
        with pytest.warns(ConvergenceWarning):  # volatility that jumps looks integrated
            margins = rc.GARCH().fit(returns)
        options = {"method": "forbes_rigobon", "date": returns.index[400]}
        test = constancy(returns, margins=margins, **options)
        assert test.pvalue is None
        assert len(test.critical_values) == 0
        assert not test.robust
        d = test.details
        assert d["variance ratio of B"] == pytest.approx(
            returns["B"][400:].var(ddof=0) / returns["B"][:400].var(ddof=0)
        )
        assert test.statistic == pytest.approx(d["after, adjusted, shock in B"] - d["before"])
        slope = np.polyfit(returns["B"][400:], returns["A"][400:], 1)[0]
        assert d["beta after"] == pytest.approx(slope, rel=1e-9)
        z = margins.z[400:]
        assert d["residuals after"] == pytest.approx(np.corrcoef(z.T)[0, 1], rel=1e-9)
        text = test.summary()
        assert "p-value      none" in text
        assert "critical" not in text
        assert "without a p-value" in text
        bare = constancy(returns, margins=None, **options)
        assert "residuals after" not in bare.details
