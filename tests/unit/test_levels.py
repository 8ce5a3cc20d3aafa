"""The level audit, on hand-made series and against plain counting."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import DataError, ModelError
from regimecorr.events import DivergenceRule
from regimecorr.inference.levels import audit_levels, figures_of, read_levels
from regimecorr.inference.trial import Chart
from regimecorr.kernels.rolling import pearson


def prices_of(values):
    index = pd.bdate_range("2005-01-03", periods=len(values), name="date")
    return pd.DataFrame(values, index=index, columns=["A", "B"])


def walks(n=1200, seed=0, rho=0.0):
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((n, 2))
    e[:, 1] = rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]
    return 100 * np.exp(np.cumsum(0.01 * e, axis=0))


def plain_figures(values, short, long, band, threshold, horizon):
    rows = range(long - 1, len(values))
    r_short = {t: np.corrcoef(values[t - short + 1 : t + 1].T)[0, 1] for t in rows}
    r_long = {t: np.corrcoef(values[t - long + 1 : t + 1].T)[0, 1] for t in rows}
    share = np.mean([band[0] <= r_long[t] <= band[1] for t in rows])
    # Spells of a negative short and an elevated long correlation; gaps below ten rows join.
    entry, last = [], None
    for t in rows:
        if r_short[t] < 0 and r_long[t] >= threshold:
            if last is None or t - last - 1 >= 10:
                entry.append(t)
            last = t
    entry = [t for t in entry if t > long - 1]
    old = [t for t in entry if t + horizon <= len(values) - 1]
    back = [any(r_short[u] >= 0 for u in range(t, t + horizon + 1)) for t in old]
    negative = [any(r_long[u] < 0 for u in range(t, t + horizon + 1)) for t in old]
    return (
        share,
        252 * len(entry) / len(rows),
        np.mean(back) if old else np.nan,
        np.mean(negative) if old else np.nan,
    )


@pytest.mark.filterwarnings("ignore::regimecorr.errors.ConvergenceWarning")  # no real returns
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_observed_figures_against_plain_counting(seed):
    values = walks(seed=seed, rho=0.3)
    audit = audit_levels(
        prices_of(values), short_window=30, long_window=90, horizon=60, elevated=0.2, n_boot=1
    )
    # The first price belongs to no return: the chart begins with the second.
    expected = plain_figures(values[1:], 30, 90, (0.6, 0.9), 0.2, 60)
    found = audit.observed
    assert audit.short == pytest.approx(np.corrcoef(values[-30:].T)[0, 1], abs=1e-9)
    assert audit.long == pytest.approx(np.corrcoef(values[-90:].T)[0, 1], abs=1e-9)
    np.testing.assert_allclose(
        [
            found.share_in_band,
            found.episodes_per_year,
            found.share_resolved,
            found.share_long_negative,
        ],
        expected,
        atol=1e-12,
    )
    assert expected[1] > 0


@pytest.mark.filterwarnings("ignore::regimecorr.errors.ConvergenceWarning")  # no real returns
def test_a_spell_that_never_ends_is_not_resolved():
    """Both trend up for long, then part for good: one entry, unresolved, and the long correlation
    turns.
    """
    rng = np.random.default_rng(0)
    up = np.arange(800.0)
    noise = 0.01 * rng.standard_normal((800, 2))
    b = np.where(up < 400, up, 800 - up)
    values = 100 + np.column_stack([up, b]) + noise
    audit = audit_levels(prices_of(values), short_window=20, long_window=60, horizon=100, n_boot=1)
    # One row of the 20-row window at the turn: correlation falls through zero while the 60-row
    # one is high.
    assert audit.observed.episodes_per_year == pytest.approx(252 / (799 - 59))
    assert audit.observed.share_resolved == 0.0
    assert audit.observed.share_long_negative == 1.0


def test_nearly_identical_levels_are_out_of_the_band():
    values = walks(seed=1)[:, [0, 0]] * np.array([1.0, 2.0])
    values[:, 1] *= np.exp(1e-4 * np.random.default_rng(0).standard_normal(len(values)))
    audit = audit_levels(prices_of(values), n_boot=1)
    assert audit.observed.share_in_band == 0.0
    assert audit.observed.episodes_per_year == 0.0
    assert np.isnan(audit.observed.share_resolved)


def test_independent_driftless_walks_match_the_published_simulation():
    """METHODS 5.5, 90/252 rows, threshold .5: share in (.6, .9) .137; .974 return within 252 rows.

    Its .367 episodes a year are the matured ones over six years of history, the last of which
    cannot
    mature; the audit's rate counts every entry, so it must be about .367 * 6 / 5 = .44.
    """
    rng = np.random.default_rng(0)
    rule = DivergenceRule(reference="overlapping", elevated=0.5, merge=10)
    chart = Chart.on(252 * 7, "log_levels", 90, 252, 252, None, rule)
    read = [
        read_levels(rng.standard_normal((252 * 7, 2)), chart, (0.6, 0.9), 0) for _ in range(300)
    ]
    figures = figures_of(read, chart, 0)
    assert figures.share_in_band == pytest.approx(0.137, abs=0.02)
    assert figures.episodes_per_year == pytest.approx(0.44, abs=0.06)
    assert figures.share_resolved == pytest.approx(0.974, abs=0.02)


def test_the_bootstrap_unties_the_legs():
    audit = audit_levels(prices_of(walks(2000, 6, rho=0.98)), band=(0.6, 1.0), n_boot=40)
    assert audit.observed.share_in_band > 0.95
    assert audit.independent.share_in_band < 0.6


def test_yules_nonsense_correlation():
    """Ernst, Shepp and Wyner (2017): independent Wiener processes have E r^2 = 0.240522."""
    rng = np.random.default_rng(0)
    squares = [
        pearson(*np.ascontiguousarray(np.cumsum(rng.standard_normal((2, 1000)), axis=1))) ** 2
        for _ in range(8000)
    ]
    assert np.std(squares) / np.sqrt(8000) < 0.003
    assert np.mean(squares) == pytest.approx(0.240522, abs=0.008)


def test_same_seed_same_audit():
    prices = prices_of(walks(700, 2))
    assert audit_levels(prices, n_boot=5, rng=3) == audit_levels(prices, n_boot=5, rng=3)
    assert audit_levels(prices, n_boot=5, rng=3) != audit_levels(prices, n_boot=5, rng=4)


def test_distribution_and_bands():
    audit = audit_levels(prices_of(walks(1500, 4)), n_boot=10)
    for figures in (audit.observed, *audit.worlds.values()):
        assert figures.distribution[-1] == 1.0
        assert np.all(np.diff(figures.distribution) >= 0)
        assert figures.share_between(0.6, 0.9) == pytest.approx(figures.share_in_band, abs=1e-9)
    np.testing.assert_allclose(audit.distribution.sum(), 1.0, atol=1e-12)
    values = walks(1500, 4)[1:]
    r = [np.corrcoef(values[t - 251 : t + 1].T)[0, 1] for t in range(251, len(values))]
    inside = np.mean((np.array(r) > 0.2) & (np.array(r) <= 0.4))
    assert audit.observed.share_between(0.2, 0.4) == pytest.approx(inside)


def test_counted_from_a_date():
    prices = prices_of(walks(1500, 4))
    whole = audit_levels(prices, n_boot=3)
    late = audit_levels(prices, n_boot=3, since=prices.index[900])
    r = [np.corrcoef(prices.to_numpy()[t - 251 : t + 1].T)[0, 1] for t in range(900, 1500)]
    inside = np.mean((np.array(r) >= 0.6) & (np.array(r) <= 0.9))
    assert late.observed.share_in_band == pytest.approx(inside)
    assert late.independent != whole.independent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band": (0.9, 0.6)}, "band="),
        ({"n_boot": 0}, "n_boot=0"),
        ({"since": "2030-01-01"}, "leaves no rows"),
        ({"elevated": 1.5}, "elevated=1.5"),
        ({"short_window": "90D"}, "both be rows or"),
    ],
)
def test_bad_audits(options, message):
    with pytest.raises((DataError, ModelError), match=message):
        audit_levels(prices_of(walks(900, 4)), **options)


def test_numbers_for_json():
    audit = audit_levels(prices_of(walks(900, 4)), n_boot=2)
    plain = audit.to_dict()
    assert plain["worlds"]["dcc"]["share_in_band"] == audit.worlds["dcc"].share_in_band
    assert "distribution" not in plain["observed"]


def test_the_sentence_never_calls_nearly_all_all():
    audit = audit_levels(prices_of(walks()), n_boot=20)
    nearly = dataclasses.replace(audit.independent, share_resolved=0.998)
    worlds = {**audit.worlds, "independent": nearly}
    assert ">99% of which 'resolve'" in dataclasses.replace(audit, worlds=worlds).sentence()
