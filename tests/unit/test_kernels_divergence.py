"""Divergences read off a history, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.data.windows import resolve
from regimecorr.errors import DataError
from regimecorr.events import DivergenceRule, divergences, rolling_correlations, state_history
from regimecorr.kernels import divergence as column
from regimecorr.kernels.rolling import rolling_pearson_from

SHORT, LONG, HORIZON = 20, 60, 50


def wandering(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    rho = 0.25 + 0.7 * np.sin(np.arange(n) / 60.0 + seed)
    e = rng.standard_normal((n, 2))
    return np.column_stack([e[:, 0], rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]])


def plain(values, rule):
    """Episodes in a loop: (first, stop, back, sign, reference)."""
    x, y = values.T
    n = len(x)

    def corr(stop, size):
        return np.corrcoef(x[stop - size : stop], y[stop - size : stop])[0, 1]

    short = [corr(t + 1, SHORT) if t >= SHORT - 1 else np.nan for t in range(n)]
    long = [corr(t + 1, LONG) if t >= LONG - 1 else np.nan for t in range(n)]
    before = rule.reference == "before"
    sign, flag = [0] * n, [False] * n
    for t in range(n):
        at = t - SHORT if before else t
        if at < LONG - 1:
            continue
        sign[t] = -1 if before and long[at] < 0 else 1
        flag[t] = sign[t] * long[at] >= rule.elevated and sign[t] * short[t] <= rule.threshold
    readable = sign.index(next(s for s in sign if s))

    def back(first):
        for u in range(first, n):
            if sign[first] * short[u] > rule.threshold:
                return u
        return n

    spells = []
    if rule.start == "crossing":
        t = readable + 1
        while t < n:
            if flag[t] and sign[t - 1] * short[t - 1] > rule.threshold:
                spells.append((t, back(t)))
                t = max(back(t), t + 1)
            else:
                t += 1
    else:
        runs, t = [], readable
        while t < n:
            if flag[t]:
                stop = t
                while stop < n and flag[stop]:
                    stop += 1
                if runs and t - runs[-1][1] < rule.merge:
                    runs[-1] = (runs[-1][0], stop)
                else:
                    runs.append((t, stop))
                t = stop
            else:
                t += 1
        spells = runs
    kept, last = [], -(10**9)
    for first, stop in spells:
        if first - last >= rule.refractory:
            kept.append((first, stop, back(first)))
            last = first
    return kept, readable, short, long


RULES = [
    DivergenceRule(elevated=0.25),
    DivergenceRule(elevated=0.25, merge=10),
    DivergenceRule(elevated=0.3, merge=10, refractory=100),
    DivergenceRule(reference="overlapping", elevated=0.2),
    DivergenceRule(reference="overlapping", elevated=0.1, merge=7, threshold=0.1),
    DivergenceRule(reference="overlapping", elevated=0.1, start="crossing"),
    DivergenceRule(reference="before", elevated=0.1, start="crossing", refractory=60),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [0, 1])
def test_against_a_plain_loop(rule, seed):
    values = wandering(seed=seed)
    windows = resolve(len(values), SHORT, LONG, HORIZON)
    found = divergences(values, windows, rule)
    expected, readable, short, long = plain(values, rule)
    assert len(found) == len(expected) >= 3
    for row, (first, stop, back) in zip(found, expected, strict=True):
        assert (row[column.FIRST], row[column.STOP], row[column.BACK]) == (first, stop, back)
        assert bool(row[column.TRUNCATED]) is (first == readable)
        at = first - SHORT if rule.reference == "before" else first
        assert row[column.REFERENCE] == pytest.approx(long[at], abs=1e-9)
        assert row[column.SHORT] == pytest.approx(short[first], abs=1e-9)
        assert row[column.LONG] == pytest.approx(long[first], abs=1e-9)
        o = -1 if rule.reference == "before" and long[at] < 0 else 1
        middle = o * (abs(long[at]) + min(o * short[first], 0)) / 2
        assert row[column.MIDPOINT] == pytest.approx(middle, abs=1e-9)
        end = first + HORIZON
        if end >= len(values):
            assert row[column.END] == -1
            assert np.isnan(row[column.FRESH])
            assert np.isnan(row[column.NEGATIVE])
        else:
            fresh = values[first + HORIZON // 2 + 1 : end + 1]
            assert row[column.FRESH] == pytest.approx(np.corrcoef(fresh.T)[0, 1], abs=1e-9)
            turned = any(o * long[u] < 0 for u in range(first, end + 1))
            assert row[column.NEGATIVE] == turned


def test_any_day_counts_once_the_wait_is_over():
    values = wandering(seed=3)
    windows = resolve(len(values), SHORT, LONG, HORIZON)
    rule = DivergenceRule(reference="overlapping", elevated=0.1, start="day", refractory=15)
    short, long = rolling_correlations(*np.ascontiguousarray(values.T), windows)
    first = divergences(values, windows, rule)[:, column.FIRST].astype(int)
    assert ((short[first] <= 0) & (long[first] >= 0.1)).all()
    assert (np.diff(first) >= 15).all()
    flagged = np.flatnonzero((short <= 0) & (long >= 0.1))
    # Every divergent day lies within the wait of an episode.
    assert all(0 <= t - first[first <= t].max() < 15 for t in flagged)
    spells = divergences(values, windows, DivergenceRule(reference="overlapping", elevated=0.1))
    assert len(first) > len(spells)


def test_no_window_no_episode():
    values = wandering(60)
    windows = resolve(60, SHORT, LONG, HORIZON)
    assert divergences(values, windows, DivergenceRule()).shape == (0, 11)
    assert (state_history(*np.ascontiguousarray(values.T), windows)["state"] == "").all()


def test_windows_of_changing_length():
    """First rows that jump, stand still and skip, against numpy."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 400))
    x[100] = 1e6
    first = np.maximum.accumulate(np.clip(np.arange(400) - rng.integers(20, 120, 400), -1, None))
    r = rolling_pearson_from(x, y, first)
    for t in range(400):
        if first[t] < 0:
            assert np.isnan(r[t])
        else:
            expected = np.corrcoef(x[first[t] : t + 1], y[first[t] : t + 1])[0, 1]
            assert r[t] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "after"}, "reference='after'"),
        ({"start": "end"}, "start='end'"),
        ({"elevated": 1.2}, "elevated=1.2"),
        ({"elevated": np.nan}, "elevated=nan"),
        ({"threshold": -1.0}, "threshold=-1.0"),
        ({"merge": -1}, "merge=-1"),
        ({"refractory": 2.5}, "refractory=2.5"),
    ],
)
def test_bad_rules(options, message):
    with pytest.raises(DataError, match=message):
        DivergenceRule(**options)
