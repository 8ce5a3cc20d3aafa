"""Fisher, permutation and Firth: published figures, identities, minimum p-values, bad input."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.inference.association import FirthLogit, test_association

# Histology of 79 cases of endometrial cancer (Heinze and Schemper 2002; Agresti 2015): pulsatility
# index and 100 * endometrium height by neovasculization (NV) and grade (HG), cases in file order.
# NV = 1 only occurs with HG = 1: the likelihood has no maximum.
ENDOMETRIAL = {
    (0, 0): (
        "13 164 16 226 8 314 34 268 20 128 5 231 17 180 10 168 26 156 17 231 8 201 7 189 20 315 "
        "10 123 18 127 16 176 18 200 28 150 11 133 19 237 10 182 10 313 18 131 14 192 21 164 "
        "11 201 17 188 25 193 16 211 19 129 15 172 33 75 24 192 29 202 15 229 12 233 3 290 20 170 "
        "23 141 12 225 22 154 42 197 15 175 13 216 14 257 19 137 12 361 13 204 10 217"
    ),
    (0, 1): (
        "8 264 29 88 12 127 20 137 7 97 48 184 12 111 19 161 2 118 21 119 15 106 12 169 6 184 "
        "5 130 17 96 5 35 33 85"
    ),
    (1, 1): ("38 97 22 114 7 88 25 91 15 58 22 144 40 118 5 93 0 117 49 27 11 101 21 98 19 102"),
}


def endometrial():
    rows = []
    for (nv, grade), text in ENDOMETRIAL.items():
        for index, height in np.array(text.split(), dtype=float).reshape(-1, 2):
            rows.append([1.0, nv, index, height / 100.0, grade])
    data = np.array(rows)
    return data[:, :4], data[:, 4]


def from_counts(a, b, c, d):
    """Outcomes and predictors of a table: rows predictor 1 and 0, columns outcome 1 and 0."""
    predictor = np.repeat([1, 1, 0, 0], [a, b, c, d])
    return np.repeat([1, 0, 1, 0], [a, b, c, d]), predictor


def tables_with_margins(a, b, c, d):
    for shift in range(-min(a, d), min(b, c) + 1):
        yield a + shift, b - shift, c - shift, d + shift


PERFECT = from_counts(3, 0, 0, 2)
SCORE = np.array([0.3, -1.1, 2.4, 0.9, 0.1, -0.4, 1.7, 0.2])
OUTCOME = np.array([0, 0, 1, 1, 0, 1, 1, 0])
ALTERNATIVES = ["two-sided", "greater", "less"]


class TestPublishedRule:
    """Three against two episodes, and a predictor that never failed."""

    def test_no_exact_test_reaches_five_percent(self):
        rule = test_association(*PERFECT)
        for name in ("fisher", "permutation"):
            assert rule.table.loc[name, ["pvalue", "min_pvalue"]].tolist() == pytest.approx(
                [0.1] * 2
            )
        assert rule.n_arrangements == 10
        assert rule.exact
        assert not rule.attainable

    def test_the_summary_says_so(self):
        text = test_association(*PERFECT).summary()
        assert "fisher 0.1, permutation 0.1, above 0.05" in text
        assert "cannot reach the level even if it never failed" in text
        assert "no evidence where no exact test can" in text

    def test_firth_alone_would_have_called_it(self):
        firth = test_association(*PERFECT).table.loc["firth"]
        assert firth["pvalue"] == firth["min_pvalue"]
        assert 0.049 < firth["pvalue"] < 0.05

    def test_more_episodes_can(self):
        rule = test_association(*from_counts(3, 1, 1, 4))
        assert rule.attainable
        assert rule.table.loc["fisher", "min_pvalue"] == pytest.approx(1 / comb(9, 4))
        assert "can reach 0.05" in rule.summary()
        assert "cannot" not in rule.summary()

    def test_a_stricter_level_cannot(self):
        rule = test_association(*from_counts(3, 1, 1, 4), alpha=0.005)
        assert not rule.attainable
        assert "above 0.005" in rule.summary()


class TestFisher:
    @pytest.mark.parametrize("counts", [(3, 1, 1, 4), (6, 2, 1, 4), (1, 5, 2, 2), (12, 5, 6, 30)])
    @pytest.mark.parametrize("alternative", ALTERNATIVES)
    def test_p_values_are_hypergeometric_sums(self, counts, alternative):
        a, b, c, d = counts
        law = stats.hypergeom(a + b + c + d, a + b, a + c)
        each = {t[0]: law.pmf(t[0]) for t in tables_with_margins(*counts)}

        def pvalue(k):
            if alternative == "two-sided":
                return sum(p for p in each.values() if p <= each[k] * (1 + 1e-9))
            return sum(
                p for j, p in each.items() if (j >= k if alternative == "greater" else j <= k)
            )

        fisher = test_association(*from_counts(*counts), alternative=alternative).table.loc[
            "fisher"
        ]
        assert fisher["pvalue"] == pytest.approx(pvalue(a))
        assert fisher["min_pvalue"] == pytest.approx(min(pvalue(k) for k in each))

    def test_limits_have_the_tails(self):
        a, b, c, d = 6, 2, 1, 4
        fisher = test_association(*from_counts(a, b, c, d)).table.loc["fisher"]
        total, row, column = a + b + c + d, a + b, a + c

        def law(ratio):
            return stats.nchypergeom_fisher(total, row, column, ratio)

        assert law(fisher["lower"]).sf(a - 1) == pytest.approx(0.025, rel=1e-5)
        assert law(fisher["upper"]).cdf(a) == pytest.approx(0.025, rel=1e-5)
        assert law(fisher["estimate"]).mean() == pytest.approx(a, rel=1e-5)

    def test_counts(self):
        counts = test_association(*from_counts(6, 2, 1, 4)).counts
        assert counts.to_numpy().tolist() == [[6, 2], [1, 4]]
        assert counts.index.tolist() == counts.columns.tolist() == [1, 0]


class TestPermutation:
    @staticmethod
    def by_hand(outcome, predictor):
        out = []
        for chosen in combinations(range(len(outcome)), int(sum(outcome))):
            inside = np.isin(np.arange(len(outcome)), chosen)
            out.append(predictor[inside].mean() - predictor[~inside].mean())
        return np.array(out)

    @pytest.mark.parametrize("alternative", ALTERNATIVES)
    @pytest.mark.parametrize("flip", [False, True])
    def test_is_the_enumeration(self, alternative, flip):
        outcome = 1 - OUTCOME[:7] if flip else OUTCOME[:7]
        score = SCORE[:7]
        all_differences = self.by_hand(outcome, score)
        observed = score[outcome == 1].mean() - score[outcome == 0].mean()

        def pvalue(value):
            sides = {"greater": all_differences, "less": -all_differences}
            drawn = sides.get(alternative, np.abs(all_differences))
            sign = -1.0 if alternative == "less" else 1.0
            value = abs(value) if alternative == "two-sided" else sign * value
            return np.mean(drawn >= value - 1e-12)

        found = test_association(outcome, score, alternative=alternative)
        row = found.table.loc["permutation"]
        assert found.n_arrangements == comb(7, int(outcome.sum()))
        assert row["estimate"] == pytest.approx(observed)
        assert row["pvalue"] == pytest.approx(pvalue(observed))
        assert row["min_pvalue"] == pytest.approx(min(pvalue(v) for v in all_differences))

    @pytest.mark.parametrize("counts", [(3, 1, 1, 4), (6, 2, 1, 4), (1, 5, 2, 2)])
    @pytest.mark.parametrize("alternative", ["greater", "less"])
    def test_one_sided_is_fisher_for_a_binary_predictor(self, counts, alternative):
        table = test_association(*from_counts(*counts), alternative=alternative).table
        for column in ("pvalue", "min_pvalue"):
            assert table.loc["permutation", column] == pytest.approx(table.loc["fisher", column])

    def test_draws_are_near_the_enumeration(self):
        rng = np.random.default_rng(5)
        outcome = np.repeat([1, 0], [8, 20])  # 3,108,105 arrangements
        score = rng.standard_normal(28) + 0.9 * outcome
        found = test_association(outcome, score, alternative="greater", n_perm=19_999, rng=1)
        assert not found.exact
        assert found.n_arrangements == 19_999
        exact = stats.permutation_test(
            (score[:8], score[8:]),
            lambda x, y: x.mean() - y.mean(),
            alternative="greater",
            vectorized=False,
            n_resamples=4_000,
            rng=rng,
        ).pvalue
        p = found.table.loc["permutation", "pvalue"]
        error = np.sqrt(p * (1 - p) * (1 / 4_000 + 1 / 19_999))
        assert p == pytest.approx(exact, abs=4.0 * error)
        assert found.table.loc["permutation", "min_pvalue"] == pytest.approx(1 / 20_000)
        assert (p * 20_000) == pytest.approx(round(p * 20_000))

    def test_draws_keep_their_seed(self):
        outcome = np.repeat([1, 0], [10, 12])
        score = np.random.default_rng(6).standard_normal(22)
        tables = [test_association(outcome, score, rng=seed).table for seed in (3, 3, 4)]
        pd.testing.assert_frame_equal(tables[0], tables[1])
        assert tables[0].loc["permutation", "pvalue"] != tables[2].loc["permutation", "pvalue"]

    @pytest.mark.parametrize("alpha", [0.05, 0.2])
    def test_limits_are_where_the_test_of_a_shift_turns(self, alpha):
        lower, upper = test_association(OUTCOME, SCORE, alpha=alpha).table.loc[
            "permutation", ["lower", "upper"]
        ]

        def pvalue(shift, alternative):
            moved = SCORE - shift * OUTCOME
            found = test_association(OUTCOME, moved, alternative=alternative)
            return found.table.loc["permutation", "pvalue"]

        assert np.isfinite([lower, upper]).all()
        assert pvalue(lower - 1e-6, "greater") <= alpha / 2 < pvalue(lower + 1e-6, "greater")
        assert pvalue(upper + 1e-6, "less") <= alpha / 2 < pvalue(upper - 1e-6, "less")

    def test_too_few_arrangements_have_no_limits(self):
        row = test_association(OUTCOME[:5], SCORE[:5]).table.loc["permutation"]
        assert (row["lower"], row["upper"]) == (-np.inf, np.inf)

    def test_size_is_exact_under_shuffled_labels(self):
        found = [
            test_association(np.isin(np.arange(6), chosen), SCORE[:6], alpha=0.1)
            for chosen in combinations(range(6), 3)
        ]
        p = np.sort([each.table.loc["permutation", "pvalue"] for each in found])
        np.testing.assert_allclose(p[::2], np.arange(1, 11) / 10)  # two-sided: in mirrored pairs


class TestFirth:
    def test_endometrial_cancer(self):
        """Heinze and Schemper (2002); the digits are those of R's logistf."""
        design, grade = endometrial()
        assert design.shape == (79, 4)
        fit = FirthLogit(design, grade)
        expected = [3.77455951, 2.92927330, -0.03475175, -2.60416387]
        np.testing.assert_allclose(fit.params, expected, rtol=1e-6)
        np.testing.assert_allclose(fit.std_errors[1:], [1.551, 0.040, 0.776], atol=6e-4)
        limits = [
            [1.0825371, 7.20928050],
            [0.6097244, 7.85463171],
            [-0.1244587, 0.04045547],
            [-4.3651832, -1.23272106],
        ]
        np.testing.assert_allclose([fit.interval(j, 0.05) for j in range(4)], limits, rtol=1e-6)

    def test_derivatives_are_differences(self):
        rng = np.random.default_rng(8)
        design = np.column_stack([np.ones(9), rng.standard_normal((9, 2))])
        fit = FirthLogit(design, (rng.random(9) < 0.5).astype(float))
        beta, steps = rng.standard_normal(3), 1e-6 * np.eye(3)
        _, score, curvature, _ = fit._penalised(beta)
        sides = [(fit._penalised(beta + s), fit._penalised(beta - s)) for s in steps]
        np.testing.assert_allclose(score, [(a[0] - b[0]) / 2e-6 for a, b in sides], atol=1e-7)
        np.testing.assert_allclose(-curvature, [(a[1] - b[1]) / 2e-6 for a, b in sides], atol=1e-7)

    @pytest.mark.parametrize("counts", [(3, 0, 0, 2), (6, 2, 1, 4), (5, 0, 2, 2), (1, 30, 7, 3)])
    def test_binary_predictor_is_half_added_to_every_cell(self, counts):
        a, b, c, d = np.array(counts) + 0.5
        firth = test_association(*from_counts(*counts)).table.loc["firth"]
        assert firth["estimate"] == pytest.approx(np.log(a * d / (b * c)), rel=1e-7)

    @pytest.mark.parametrize("counts", [(3, 0, 0, 2), (6, 2, 1, 4)])
    def test_profile_of_a_binary_predictor(self, counts):
        """Against a grid: log-likelihood of the cells with 1/2 added is the penalised one."""
        a, b, c, d = np.array(counts) + 0.5
        firth = test_association(*from_counts(*counts)).table.loc["firth"]
        eta = np.linspace(-25.0, 25.0, 200_001)

        def profile(beta):
            up = eta + beta
            cells = a * up - (a + b) * np.logaddexp(0, up) + c * eta
            return (cells - (c + d) * np.logaddexp(0, eta)).max()

        best = profile(np.log(a * d / (b * c)))
        ratio = 2.0 * (best - profile(0.0))
        assert firth["pvalue"] == pytest.approx(stats.chi2.sf(ratio, 1), rel=1e-5)
        for end in (firth["lower"], firth["upper"]):
            assert 2.0 * (best - profile(end)) == pytest.approx(stats.chi2.isf(0.05, 1), rel=1e-5)

    @pytest.mark.parametrize("alternative", ALTERNATIVES)
    def test_minimum_is_that_of_all_arrangements(self, alternative):
        score = np.round(SCORE[:7], 0)  # with ties
        found = [
            test_association(np.isin(np.arange(7), chosen), score, alternative=alternative)
            for chosen in combinations(range(7), 3)
        ]
        for name in ("permutation", "firth"):
            p = [each.table.loc[name, "pvalue"] for each in found]
            least = [each.table.loc[name, "min_pvalue"] for each in found]
            np.testing.assert_allclose(least, min(p), rtol=1e-6)

    def test_separation_by_a_score_is_finite(self):
        firth = test_association(SCORE > 0.5, SCORE).table.loc["firth"]
        assert np.isfinite(firth.to_numpy()).all()
        assert firth["pvalue"] == firth["min_pvalue"]
        assert 0.0 < firth["lower"] < firth["estimate"] < firth["upper"]

    def test_sides_halve_the_p_value(self):
        p = [
            test_association(OUTCOME, SCORE, alternative=a).table.loc["firth", "pvalue"]
            for a in ALTERNATIVES
        ]
        assert p[1] == pytest.approx(p[0] / 2.0)
        assert p[2] == pytest.approx(1.0 - p[0] / 2.0)


class TestInvariance:
    @pytest.mark.parametrize("scale", [1e-9, 7.0, 1e9])
    def test_units_of_a_score(self, scale):
        one = test_association(OUTCOME, SCORE).table
        other = test_association(OUTCOME, 64.0 * scale + scale * SCORE).table
        same = ["pvalue", "min_pvalue"]
        np.testing.assert_allclose(one[same], other[same], rtol=1e-6)
        figures = ["estimate", "lower", "upper"]
        np.testing.assert_allclose(
            other.loc["permutation", figures], scale * one.loc["permutation", figures], rtol=1e-6
        )
        np.testing.assert_allclose(
            other.loc["firth", figures], one.loc["firth", figures] / scale, rtol=1e-6
        )

    def test_names_of_two_values(self):
        outcome, predictor = from_counts(6, 2, 1, 4)
        one = test_association(outcome, predictor).table
        for other in (predictor.astype(bool), 3.0 + 2.0 * predictor):
            pd.testing.assert_frame_equal(one, test_association(outcome, other).table)

    def test_mirrored_score(self):
        one = test_association(OUTCOME, SCORE, alternative="greater").table
        other = test_association(OUTCOME, -SCORE, alternative="less").table
        np.testing.assert_allclose(one["pvalue"], other["pvalue"])
        np.testing.assert_allclose(one["lower"], -other["upper"])

    def test_order_of_trials(self):
        order = np.random.default_rng(7).permutation(8)
        one = test_association(OUTCOME, SCORE).table
        np.testing.assert_allclose(one, test_association(OUTCOME[order], SCORE[order]).table)


class TestReading:
    def test_a_score_has_no_fisher_row(self):
        found = test_association(OUTCOME, SCORE)
        assert found.table.loc["fisher"].isna().all()
        assert found.counts is None
        assert found.table.index.tolist() == ["fisher", "permutation", "firth"]
        assert found.table.columns.tolist() == [
            "estimate",
            "lower",
            "upper",
            "pvalue",
            "min_pvalue",
        ]
        assert "nan" not in found.summary().lower()

    def test_a_binary_predictor_has_no_shift(self):
        row = test_association(*PERFECT).table.loc["permutation"]
        assert row[["lower", "upper"]].isna().all()

    def test_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            test_association(*PERFECT).alpha = 0.1

    def test_input_stays(self):
        outcome, score = OUTCOME.copy(), SCORE.copy()
        test_association(outcome, score)
        np.testing.assert_array_equal(outcome, OUTCOME)
        np.testing.assert_array_equal(score, SCORE)

    def test_is_no_test_of_pytest(self):
        assert test_association.__test__ is False


class TestBadInput:
    @pytest.mark.parametrize(
        ("outcome", "predictor", "message"),
        [
            ([1, 0, 1], [1, 0], "3 values and predictor 2"),
            ([1, 0, 2], [1, 0, 1], "outcome has the value 2"),
            ([1, 1, 1], [1, 0, 1], "outcome has no two different values in 3 trials"),
            ([1, 0, 1], [0, 0, 0], "predictor has no two different values"),
            ([], [], "0 trials"),
            ([1, 0, np.nan], [1, 0, 1], "outcome has 1 values that are missing"),
            ([1, 0, 1], [1, np.inf, np.nan], "predictor has 2 values that are missing"),
            ([1, 0, 1], ["up", "down", "up"], "predictor is not numeric"),
            ([[1], [0]], [1, 0], "outcome has 2 dimensions"),
        ],
    )
    def test_samples(self, outcome, predictor, message):
        with pytest.raises(ModelError, match=message):
            test_association(outcome, predictor)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"alpha": 0.0}, "alpha=0"),
            ({"alpha": float("nan")}, "alpha=nan"),
            ({"n_perm": 98}, "n_perm=98"),
            ({"alternative": "larger"}, "alternative='larger'"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ModelError, match=message):
            test_association(*PERFECT, **options)

    def test_series_must_be_aligned(self):
        one = pd.Series([1, 0, 1], index=[0, 1, 2])
        with pytest.raises(ModelError, match="different indices"):
            test_association(one, one.sort_index(ascending=False))
