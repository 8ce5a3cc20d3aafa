"""Sup-LM, sup-Wald and known dates: their law, kernels, published sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal
from scipy.special import stdtr
from scipy.stats import norm, t

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.known import adjusted_correlation, sum_of_variances
from regimecorr.inference.constancy.sup_law import TRIM_RANGE, sup_critical_values, sup_pvalue
from regimecorr.inference.constancy.supremum import lm_values, wald_values
from regimecorr.inference.known_dates import (
    change_statistic,
    long_run_variance,
    sup_statistic,
)
from regimecorr.kernels.constancy import change_values, delete_one, wald_path


def residuals(rng, n, rho, nu=np.inf, reps=None):
    """Elliptical residuals (n, 2), or (reps, n, 2), along a correlation."""
    z = rng.standard_normal((reps or 1, n, 2))
    rho = np.broadcast_to(rho, n)
    z[..., 1] = rho * z[..., 0] + np.sqrt(1.0 - rho**2) * z[..., 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, z.shape[:2]))[..., None]
    return z if reps else z[0]


def exceeded(level, trim, m=3000, terms=40):
    """Probability that the supremum is above a level, from the eigenvalues of the process.

    The root is an Ornstein-Uhlenbeck process of rate 1/2 in ln(s / (1 - s)), stationary at the
    start, killed at plus or minus the root of the level.
    """
    edge = np.sqrt(level)
    h = 2.0 * edge / m
    x = -edge + h * np.arange(1, m)
    law, right = np.exp(-0.5 * x**2), np.exp(-0.5 * (x + 0.5 * h) ** 2)
    left = np.exp(-0.5 * (x - 0.5 * h) ** 2)
    diagonal = -(right + left) / (2.0 * h * h * law)
    off = right[:-1] / (2.0 * h * h) / np.sqrt(law[:-1] * law[1:])
    values, vectors = eigh_tridiagonal(
        diagonal, off, select="i", select_range=(m - 1 - terms, m - 2)
    )
    weights = vectors.T @ np.sqrt(law)
    length = 2.0 * np.log((1.0 - trim) / trim)
    return 1.0 - float((np.exp(values * length) * weights**2).sum() * h / np.sqrt(2.0 * np.pi))


class TestLaw:
    @pytest.mark.parametrize("trim", [0.05, 0.10, 0.15, 0.175, 0.25])
    def test_simulated_pvalues_equal_the_exact_ones(self, trim):
        for level in (2.0, 5.0, 7.2, 8.8, 12.2, 15.5, 18.0):
            exact = exceeded(level, trim)
            error = np.sqrt(exact * (1.0 - exact) / 2_000_000)
            assert sup_pvalue(level, trim) == pytest.approx(exact, abs=5 * error + 6e-4 * exact)

    def test_tail_beyond_the_table(self):
        for level in (22.0, 26.0):
            assert sup_pvalue(level, 0.15) == pytest.approx(exceeded(level, 0.15), rel=0.06)
        assert 0.0 < sup_pvalue(200.0, 0.15) < 1e-30

    def test_published_values(self):
        """Hansen's p-values, and quantiles simulated on a grid, which are a little smaller."""
        for level, p in ((7.12, 0.0980), (8.68, 0.0484), (8.85, 0.0448), (12.16, 0.0096)):
            assert sup_pvalue(level, 0.15) == pytest.approx(p, rel=0.17)
            assert sup_pvalue(level, 0.15) > p
        for trim, row in (
            (0.15, (7.16, 8.75, 12.14)),
            (0.10, (7.63, 9.15, 12.55)),
            (0.05, (8.14, 9.64, 13.17)),
        ):
            found = sup_critical_values(trim).to_numpy()
            assert found == pytest.approx(row, abs=0.4)
            assert (found > row).all()

    def test_pvalue_too_small_for_floating_point(self):
        """Long samples with large breaks: no warning (warnings are errors here), no jump."""
        assert sup_pvalue(1400.0, 0.15) > 0.0
        assert sup_pvalue(5000.0, 0.15) == 0.0
        path = np.where(np.arange(3000) < 1500, 0.9, -0.9)
        z = residuals(np.random.default_rng(16), 3000, path)
        test = constancy(z, method="sup_wald", margins=None, robust=False)
        assert test.statistic > 3000.0
        assert test.pvalue == 0.0
        assert "<0.0001" in test.summary()

    def test_pvalues_fall_and_begin_at_one(self):
        for trim in (0.05, 0.111, 0.25):
            values = [sup_pvalue(s, trim) for s in np.linspace(0.0, 40.0, 400)]
            assert values[0] == 1.0
            assert (np.diff(values) <= 0.0).all()
            for level, critical in zip((0.1, 0.05, 0.01), sup_critical_values(trim), strict=True):
                assert sup_pvalue(critical, trim) == pytest.approx(level, rel=0.02)

    def test_a_shorter_range_has_smaller_suprema(self):
        assert sup_pvalue(8.0, 0.05) > sup_pvalue(8.0, 0.15) > sup_pvalue(8.0, 0.25)


class TestKernels:
    def test_delete_one(self):
        z = residuals(np.random.default_rng(0), 90, 0.5, 5.0) * [1.0, 30.0] + [4.0, -2.0]
        r, values = delete_one(*np.ascontiguousarray(z.T))
        assert r == pytest.approx(np.corrcoef(z.T)[0, 1], abs=1e-12)
        for row in (0, 31, 89):
            without = np.corrcoef(np.delete(z, row, axis=0).T)[0, 1]
            assert values[row] == pytest.approx(89 * (r - without) / (1 - r * r), rel=1e-8)

    def test_delete_one_is_the_influence_to_first_order(self):
        z = residuals(np.random.default_rng(1), 4000, 0.5)
        r, values = delete_one(*np.ascontiguousarray(z.T))
        u, v = ((z - z.mean(axis=0)) / z.std(axis=0)).T
        psi = (u * v - 0.5 * r * (u * u + v * v)) / (1 - r * r)
        assert values == pytest.approx(psi, abs=0.06)

    def test_wald_path_is_made_of_changes(self):
        x, y = np.ascontiguousarray(residuals(np.random.default_rng(2), 120, 0.4, 5.0).T)
        path = wald_path(x, y, 40, 80)
        assert path.shape == (41,)
        for k in (40, 55, 80):
            r0, r1, v0, v1 = change_values(x, y, k)
            assert r0 == pytest.approx(np.corrcoef(x[:k], y[:k])[0, 1], abs=1e-12)
            assert r1 == pytest.approx(np.corrcoef(x[k:], y[k:])[0, 1], abs=1e-12)
            expected = (np.arctanh(r0) - np.arctanh(r1)) ** 2 / (v0 + v1)
            assert path[k - 40] == pytest.approx(expected, rel=1e-10)

    def test_change_values_are_close_to_those_of_the_influence(self):
        """`known_dates` takes the influence function; single rows weigh little here."""
        x, y = np.ascontiguousarray(residuals(np.random.default_rng(3), 3000, 0.4).T)
        _, _, v0, v1 = change_values(x, y, 1300)
        assert np.sqrt(v0 + v1) == pytest.approx(float(change_statistic(x, y, 1300)[2]), rel=0.01)


class TestSup:
    def test_robust_lm_is_that_of_the_influence_function(self):
        z = residuals(np.random.default_rng(10), 500, 0.4, 5.0)
        value, row = sup_statistic(z[:, 0], z[:, 1])
        test = constancy(z, method="sup_lm", margins=None)
        assert test.statistic == pytest.approx(float(value), rel=1e-10)
        assert test.dates == (int(row),)
        assert test.path.max() == pytest.approx(test.statistic)
        assert test.path.idxmax() == int(row) - 1

    def test_textbook_lm_by_differences_of_the_density(self):
        z = residuals(np.random.default_rng(11), 300, 0.4)
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        r = float(np.mean(z[:, 0] * z[:, 1]))

        def density(rho):
            form = z[:, 0] ** 2 + z[:, 1] ** 2 - 2 * rho * z[:, 0] * z[:, 1]
            return -0.5 * np.log(1 - rho**2) - 0.5 * form / (1 - rho**2)

        score = (density(r + 1e-6) - density(r - 1e-6)) / 2e-6
        second = (density(r + 1e-4) - 2 * density(r) + density(r - 1e-4)) / 1e-8
        information = -second.mean()
        sums = np.cumsum(score)
        for k in (45, 150, 255):
            share = k / 300
            expected = sums[k - 1] ** 2 / (300 * information * share * (1 - share))
            assert lm_values(z, 45, 255, False)[k - 45] == pytest.approx(expected, rel=1e-4)

    def test_textbook_wald_is_fishers(self):
        z = residuals(np.random.default_rng(12), 300, 0.4)
        values = wald_values(z, 45, 255, False)
        for k in (45, 200):
            z0 = np.arctanh(np.corrcoef(z[:k].T)[0, 1])
            z1 = np.arctanh(np.corrcoef(z[k:].T)[0, 1])
            expected = (z0 - z1) ** 2 / (1 / (k - 3) + 1 / (300 - k - 3))
            assert values[k - 45] == pytest.approx(expected, rel=1e-9)

    def test_sizes_under_t5_residuals(self):
        rng = np.random.default_rng(13)
        critical = sup_critical_values(0.15)["5%"]
        found = []
        for z in residuals(rng, 1000, 0.4, 5.0, reps=300):
            standard = (z - z.mean(axis=0)) / z.std(axis=0)
            found.append(
                [
                    form(standard, 150, 850, robust).max() > critical
                    for form in (lm_values, wald_values)
                    for robust in (True, False)
                ]
            )
        lm, plain_lm, wald, plain_wald = np.mean(found, axis=0)
        assert lm < 0.08
        assert wald < 0.10
        assert plain_lm > 0.2
        assert plain_wald > 0.15

    def test_breaks_are_found_near_the_end(self):
        path = np.where(np.arange(1000) < 830, 0.6, 0.0)
        z = residuals(np.random.default_rng(14), 1000, path, 6.0)
        for method in ("sup_lm", "sup_wald"):
            test = constancy(z, method=method, margins=None)
            assert test.pvalue < 0.01
            assert abs(test.dates[0] - 830) < 30
            assert test.details["before"] > 0.45 > test.details["after"]

    def test_too_short_for_the_trim(self):
        z = residuals(np.random.default_rng(15), 250, 0.4)
        with pytest.raises(ModelError, match="after 25 of 250 rows"):
            constancy(z, method="sup_lm", margins=None, trim=0.1)
        with pytest.raises(ModelError, match=r"trim=0\.3 must lie within 0\.05 and 0\.25"):
            constancy(z, method="sup_lm", margins=None, trim=0.3)
        assert TRIM_RANGE == (0.05, 0.25)


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
