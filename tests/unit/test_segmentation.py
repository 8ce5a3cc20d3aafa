"""Binary segmentation: influence, spans, dates and their intervals, the search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import kolmogorov

from regimecorr.indicators.lead_lag import influence
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.supremum import lm_values
from regimecorr.inference.known_dates import long_run_variance, squared_sums
from regimecorr.inference.segmentation.dating import fall, interval
from regimecorr.inference.segmentation.influence import tail_index, weighted_influence
from regimecorr.inference.segmentation.search import level_of, segment
from regimecorr.inference.segmentation.seeded import seeded_intervals, seeded_path
from regimecorr.inference.segmentation.spans import SpanTester, lm_path, permuted_maxima
from regimecorr.kernels.density import log_density


def residuals(rng, rho, nu=np.inf):
    """Elliptical residuals (n, 2) along a correlation (n,)."""
    rho = np.asarray(rho)
    z = rng.standard_normal((len(rho), 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, len(rho)))[:, None]
    return (z - z.mean(axis=0)) / z.std(axis=0)


def spans_of(z, method="sup_lm", nu=np.inf, min_rows=60, n_boot=99, rng=0):
    return SpanTester(z, method, nu, min_rows, n_boot, np.random.default_rng(rng))


def split_at(rows, before, after):
    return np.where(np.arange(rows[1]) < rows[0], before, after)


class TestInfluence:
    def test_normal_tails_give_pearsons(self):
        z = residuals(np.random.default_rng(0), np.full(300, 0.4))
        expected = influence(z[:, 0], z[:, 1])[1]
        assert weighted_influence(z, np.inf) == pytest.approx(expected)
        assert weighted_influence(z, 1e9) == pytest.approx(expected, abs=1e-5)

    def test_scores_of_the_t_density(self):
        """Score of the correlation less what those of the scales explain, by differences."""
        z = residuals(np.random.default_rng(1), np.full(400, 0.5), 5.0)
        nu, h = 6.0, 1e-5

        def values(r):
            out = np.empty(len(z))
            for t, (x, y) in enumerate(z):
                by_r = log_density(x, y, r + h, nu) - log_density(x, y, r - h, nu)
                up = log_density(x / (1 + h), y / (1 + h), r, nu) - 2.0 * np.log1p(h)
                down = log_density(x / (1 - h), y / (1 - h), r, nu) - 2.0 * np.log1p(-h)
                out[t] = (by_r + r / (2.0 * (1.0 - r * r)) * (up - down)) / (2.0 * h)
            return out * (1.0 - r * r) ** 2

        root = brentq(lambda r: values(r).sum(), -0.9, 0.9)
        assert weighted_influence(z, nu) == pytest.approx(values(root), abs=1e-5)

    def test_a_volatility_that_both_share_leaves_the_mean(self):
        rng = np.random.default_rng(2)
        z = residuals(rng, np.full(40_000, 0.6), 5.0)
        z[20_000:] *= 1.5
        later = weighted_influence(z, 5.0)[20_000:]
        assert abs(later.mean()) < 4.0 * later.std() / np.sqrt(len(later))

    def test_tail_index(self):
        z = residuals(np.random.default_rng(3), np.full(20_000, 0.4), 5.0)
        assert tail_index(z) == pytest.approx(5.0, abs=0.5)


class TestSpans:
    def test_squared_sums_are_what_two_means_save(self):
        values = np.random.default_rng(0).standard_normal(80)
        values -= values.mean()
        whole = (values**2).sum()
        expected = [
            whole - sum(((p - p.mean()) ** 2).sum() for p in np.split(values, [k]))
            for k in range(10, 71)
        ]
        assert squared_sums(values, 10, 70) == pytest.approx(np.array(expected))

    @pytest.mark.parametrize("seed", range(3))
    def test_date_is_the_best_split_in_two_means(self, seed):
        z = residuals(np.random.default_rng(seed), split_at((220, 400), 0.7, 0.1))
        values = influence(z[:, 0], z[:, 1])[1]
        left = [
            sum(((p - p.mean()) ** 2).sum() for p in np.split(values, [k])) for k in range(60, 341)
        ]
        found = spans_of(z)(0, 400)
        assert found.row == 60 + int(np.argmin(left))
        assert found.statistic == pytest.approx(lm_values(z, 60, 340, True).max())

    def test_fluctuation_is_that_of_test_constancy(self):
        z = residuals(np.random.default_rng(5), split_at((300, 500), 0.6, 0.2), 5.0)
        found = spans_of(z, "fluctuation")(0, 500)
        reference = constancy(z, margins=None)
        assert found.statistic == pytest.approx(reference.statistic)
        assert found.pvalue == pytest.approx(reference.pvalue) == kolmogorov(found.statistic)
        assert found.row == reference.dates[0]
        assert found.statistic == pytest.approx(found.path.max())

    def test_rows_are_those_of_the_sample(self):
        z = residuals(np.random.default_rng(6), split_at((650, 1000), 0.7, -0.1))
        whole, part = spans_of(z)(0, 1000), spans_of(z)(400, 1000)
        assert abs(whole.row - part.row) < 5
        assert abs(part.row - 650) < 30
        assert (part.start, part.stop, len(part.values)) == (400, 1000, 600)

    def test_a_span_is_tested_once(self):
        run = spans_of(residuals(np.random.default_rng(7), np.full(300, 0.3)))
        assert run(0, 300) is run(0, 300)
        assert run(0, 300) is not run(0, 299)

    @pytest.mark.parametrize("path", [lambda v: lm_path(v, 30, 90), lambda v: seeded_path(v, 30)])
    def test_permutations(self, path):
        """P-values of exchangeable values are uniform."""
        rng = np.random.default_rng(8)
        pvalues = []
        for _ in range(300):
            values = rng.standard_t(3.0, 120)
            values -= values.mean()
            replicates = permuted_maxima(values, path, 99, rng)
            pvalues.append((1 + np.sum(replicates >= path(values).max())) / 100)
        shares = [np.mean(np.array(pvalues) <= level) for level in (0.05, 0.2, 0.5)]
        assert shares == pytest.approx([0.05, 0.2, 0.5], abs=0.08)
        assert shares[0] < 0.09

    def test_chunks_of_permutations(self, monkeypatch):
        monkeypatch.setattr("regimecorr.inference.segmentation.spans._CHUNK", 1000)
        values = np.random.default_rng(9).standard_normal(100)
        found = permuted_maxima(values, lambda v: lm_path(v, 30, 70), 25, np.random.default_rng(1))
        assert found.shape == (25,)
        assert len(np.unique(found)) == 25


class TestSeeded:
    @pytest.mark.parametrize(("n", "shortest"), [(1000, 120), (1500, 60), (120, 120), (997, 90)])
    def test_intervals_are_those_of_the_definition(self, n, shortest):
        found = seeded_intervals(n, shortest)
        assert found[0] == (0, n)
        assert len(set(found)) == len(found)
        layer, expected = 1, set()
        while True:
            length, number = (
                n / np.sqrt(2) ** (layer - 1),
                2 * int(np.ceil(round(np.sqrt(2) ** (layer - 1), 9))) - 1,
            )
            if length < shortest:
                break
            step = (n - length) / max(number - 1, 1)
            for i in range(number):
                first, last = round(i * step, 6), round(i * step + length, 6)
                expected.add((int(np.floor(first)), min(int(np.ceil(last)), n)))
            layer += 1
        assert set(found) == expected

    def test_a_break_has_an_interval_of_its_own(self):
        """With 200 rows free on either side, one that tests the date and holds no other break."""
        for row in range(200, 1801, 7):
            free = [
                (a, b) for a, b in seeded_intervals(2000, 120) if row - 200 <= a and b <= row + 200
            ]
            assert max(min(row - a, b - row) for a, b in free) >= 60

    def test_path_is_the_largest_over_the_intervals(self):
        values = np.random.default_rng(0).standard_normal((2, 300))
        values -= values.mean(axis=1, keepdims=True)
        expected = np.zeros((2, 300 - 2 * 40 + 1))
        for start, stop in seeded_intervals(300, 80):
            for k in range(start + 40, stop - 40 + 1):
                part = values[:, start:stop] - values[:, start:stop].mean(axis=1, keepdims=True)
                share = (k - start) / (stop - start)
                sums = part[:, : k - start].sum(axis=1)
                squares = sums**2 / ((stop - start) * share * (1.0 - share))
                at = k - 40
                expected[:, at] = np.maximum(expected[:, at], squares / long_run_variance(values))
        found = seeded_path(values, 40)
        assert found == pytest.approx(expected)
        assert (found >= lm_path(values, 40, 260) - 1e-12).all()

    def test_the_shortest_span_has_one_interval(self):
        values = np.random.default_rng(1).standard_normal(80)
        values -= values.mean()
        assert seeded_path(values, 40) == pytest.approx(lm_path(values, 40, 40))

    @pytest.mark.parametrize("seeded", [True, False])
    def test_permuted_rows_pass_the_same_intervals(self, seeded):
        z = residuals(np.random.default_rng(3), np.full(400, 0.3), 5.0)
        found = SpanTester(z, "sup_lm", 5.0, 60, 99, np.random.default_rng(4), seeded)(0, 400)

        def path(values):
            return seeded_path(values, 60) if seeded else lm_path(values, 60, 340)

        expected = permuted_maxima(found.values, path, 99, np.random.default_rng(4))
        assert found.statistic == pytest.approx(path(found.values).max())
        assert found.replicates == pytest.approx(expected)

    def test_spans_keep_their_own_results(self):
        plain = spans_of(residuals(np.random.default_rng(2), np.full(400, 0.3)))
        seeded = replace(plain, seeded=True)
        assert plain(0, 400).statistic < seeded(0, 400).statistic
        assert plain(0, 400).statistic == spans_of(plain.z)(0, 400).statistic


class TestInterval:
    @pytest.mark.parametrize("ci_prob", [0.5, 0.9, 0.99])
    @pytest.mark.parametrize("rates", [(0.5, 0.5), (0.2, 3.0), (4.0, 0.1)])
    def test_fall_is_the_law_of_two_exponentials(self, rates, ci_prob):
        rng = np.random.default_rng(0)
        left, right = (rng.exponential(1.0 / rate, 200_000) for rate in rates)
        inside = np.abs(left - right) <= fall(*rates, ci_prob)
        assert inside.mean() == pytest.approx(ci_prob, abs=0.004)

    @pytest.mark.parametrize("rate", [0.37, 0.5, 1.3, 7.7])
    def test_fall_of_equal_rates_has_a_closed_form(self, rate):
        for ci_prob in np.linspace(0.01, 0.99, 99):
            for other in (rate, rate * (1.0 + 1e-15)):
                expected = -np.log1p(-ci_prob) / rate
                assert fall(rate, other, ci_prob) == pytest.approx(expected, rel=1e-7)

    @pytest.mark.parametrize("squared", [True, False])
    @pytest.mark.parametrize(("share", "sd"), [(0.5, (1.0, 1.0)), (0.3, (0.7, 1.6))])
    def test_coverage_of_a_step_in_the_mean(self, squared, share, sd):
        rng = np.random.default_rng(1)
        n, reps, inside = 1500, 300, 0
        true = int(share * n)
        for _ in range(reps):
            late = np.arange(n) >= true
            values = np.where(late, 0.4, 0.0) + np.where(late, *sd[::-1]) * rng.standard_normal(n)
            values -= values.mean()
            sums = squared_sums(values, 60, n - 60)
            curve = sums if squared else np.abs(np.cumsum(values))[59 : n - 60]
            low, high = interval(curve, 60, values, squared, 0.9)
            inside += low <= true <= high
        assert inside / reps == pytest.approx(0.9, abs=0.055)

    def test_wider_where_more_is_asked_for(self):
        z = residuals(np.random.default_rng(3), split_at((400, 800), 0.6, 0.2), 5.0)
        for method in ("sup_lm", "fluctuation"):
            found = spans_of(z, method, 5.0)(0, 800)
            bounds = [found.interval(p) for p in (0.5, 0.9, 0.99)]
            lows, highs = zip(*bounds, strict=True)
            assert sorted(lows, reverse=True) == list(lows)
            assert sorted(highs) == list(highs)
            assert lows[-1] < lows[0] <= found.row <= highs[0] < highs[-1]


@dataclass
class Verdict:
    """Stands in for a test of a span."""

    start: int
    stop: int
    row: int
    pvalue: float
    statistic: float = 1.0


def scripted(answers):
    """A tester that knows the row and p-value of some spans, and finds nothing elsewhere."""

    def test(start, stop):
        row, pvalue = answers.get((start, stop), ((start + stop) // 2, 0.9))
        return Verdict(start, stop, row, pvalue)

    return test


class TestSearch:
    def test_levels(self):
        assert level_of(0.05, 1) == pytest.approx(0.05)
        for k in (2, 5):
            assert (1.0 - level_of(0.05, k)) ** k == pytest.approx(0.95)

    def test_nothing(self):
        found = segment(1000, scripted({}), 60, 0.05)
        assert (found.rows, found.tests, found.settled) == ([], [], True)
        assert [(s.stage, s.kept) for s in found.steps] == [("search", False)]

    def test_the_clearest_segment_first_and_levels_that_fall(self):
        answers = {
            (0, 1000): (500, 0.04),
            (0, 500): (200, 0.02),
            (500, 1000): (800, 0.001),
            (500, 800): (650, 0.0168),
            (200, 800): (500, 0.001),
            (0, 800): (500, 0.001),
        }
        found = segment(1000, scripted(answers), 60, 0.05)
        searched = [(s.test.start, s.test.stop) for s in found.steps if s.stage == "search"]
        # With three segments the level is .01695: .0168 passes, .02 does not.
        assert searched == [(0, 1000), (500, 1000), (500, 800), (0, 500)]
        assert [round(s.level, 4) for s in found.steps[:4]] == [0.05, 0.0253, 0.017, 0.0127]

    def test_short_segments_are_left_alone(self):
        answers = {(0, 199): (80, 0.001), (80, 199): (140, 0.001), (0, 80): (40, 0.001)}
        assert segment(199, scripted(answers), 60, 0.05).rows == [80]
        found = segment(199, scripted(answers), 40, 0.05)
        assert {s.test.row for s in found.steps if s.stage == "search" and s.kept} == {40, 80, 140}

    def test_refinement_moves_and_drops(self):
        answers = {
            (0, 1000): (500, 0.001),
            (0, 500): (250, 0.001),
            # Between its neighbours the second break has nothing left; the first one moves.
            (250, 1000): (520, 0.5),
        }
        found = segment(1000, scripted(answers), 60, 0.05)
        assert found.rows == [500]
        dropped = [s.test.row for s in found.steps if s.stage == "refinement" and not s.kept]
        assert dropped == [520]
        assert found.settled

    def test_level_of_the_refinement(self):
        """Two breaks are tested at .0253 each: .03 is not enough, though it would do for one."""
        answers = {
            (0, 1000): (500, 0.001),
            (500, 1000): (700, 0.001),
            (0, 700): (500, 0.001),
            (500, 700): (600, 0.9),
        }
        scan = scripted(answers)
        for pvalue, rows in ((0.02, [500, 700]), (0.03, [500])):
            test = scripted({**answers, (500, 1000): (700, pvalue)})
            found = segment(1000, test, 60, 0.05, scan)
            assert found.rows == rows
            levels = [s.level for s in found.steps if s.stage == "refinement"][:2]
            assert levels == pytest.approx([1.0 - np.sqrt(0.95)] * 2)

    def test_what_the_scan_finds_is_tested_between_its_neighbours(self):
        scan = scripted({(0, 1000): (500, 0.001)})
        found = segment(1000, scripted({}), 60, 0.05, scan)
        assert found.rows == []
        assert [(s.stage, s.kept) for s in found.steps] == [
            *(("search", True), ("search", False), ("refinement", False))
        ]

    def test_dates_that_do_not_settle_are_told(self):
        answers = {
            (0, 1000): (500, 0.001),
            (500, 1000): (700, 0.001),
            (0, 700): (450, 0.001),
            (450, 1000): (750, 0.001),
            (0, 750): (500, 0.001),
        }
        found = segment(1000, scripted(answers), 60, 0.05)
        assert not found.settled
        assert found.rows in ([500, 700], [450, 750])

    @pytest.mark.parametrize("nu", [np.inf, 6.0])
    @pytest.mark.parametrize("method", ["sup_lm", "fluctuation"])
    def test_levels_without_noise(self, method, nu):
        """Patterns of eight rows with correlation .5, -.5 and 0: dates to within a pattern."""
        u = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
        flips = {0.5: [0, 4], -0.5: [0, 1, 2, 4, 5, 6], 0.0: [0, 1, 4, 5]}
        parts = []
        for level, repeats in ((0.5, 40), (-0.5, 60), (0.0, 50)):
            v = u.copy()
            v[flips[level]] *= -1.0
            parts.append(np.tile(np.column_stack([u, v]), (repeats, 1)))
        z = np.vstack(parts)
        found = segment(len(z), spans_of(z, method, nu, n_boot=199), 60, 0.05)
        assert found.rows == pytest.approx([320, 800], abs=8)
        assert found.settled
