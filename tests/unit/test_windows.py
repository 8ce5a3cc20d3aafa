"""Windows in rows and in days, against counting dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.data.windows import FEWEST_ROWS, first_rows, horizon_end, in_words, resolve
from regimecorr.errors import WindowError


@pytest.fixture(scope="module")
def dates():
    """Business days with holes: a holiday week, a month without prices."""
    days = pd.bdate_range("2019-01-01", periods=900)
    return days.delete([*range(100, 105), *range(400, 421)])


def test_rows():
    w = resolve(400, 90, 252, 126)
    assert w.short[88] == -1
    assert w.short[89] == 0
    assert w.short[399] == 310
    assert w.before[89] == -1
    assert w.before[399] == 309
    assert w.end[273] == 399
    assert w.end[274] == -1
    assert w.fresh[200] == 200 + 63 + 1


def test_days_are_those_after_the_same_time_before(dates):
    first = first_rows(dates, pd.Timedelta("90D"))
    for t in range(0, len(dates), 13):
        inside = np.flatnonzero((dates > dates[t] - pd.Timedelta("90D")) & (dates <= dates[t]))
        full = dates[0] <= dates[t] - pd.Timedelta("90D") and inside.size >= FEWEST_ROWS
        assert first[t] == (inside[0] if full else -1)
    assert (first >= 0).any()


def test_same_window_as_pandas(dates):
    """The rolling correlation over 90 days is pandas'."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((len(dates), 2)), index=dates, columns=["A", "B"])
    prices = 100 * np.exp(0.01 * frame.cumsum())
    ours = rc.rolling_correlation(prices, window="90D")
    returns = np.log(prices).diff().dropna()
    theirs = returns["A"].rolling("90D").corr(returns["B"])
    known = ours.notna()
    assert known.sum() > 700
    np.testing.assert_allclose(ours[known], theirs[known], atol=1e-9)


def test_horizon_in_days(dates):
    end = horizon_end(dates, "horizon", "365D")
    w = resolve(dates, "90D", "365D", "365D")
    for t in (0, 57, 300):
        late = dates[t] + pd.Timedelta("365D")
        assert dates[end[t]] <= late < dates[end[t] + 1]
        half = dates[t] + pd.Timedelta("365D") / 2
        assert dates[w.fresh[t] - 1] <= half < dates[w.fresh[t]]
    assert end[-1] == -1


def test_a_hole_leaves_a_window_empty():
    days = pd.bdate_range("2020-01-01", periods=60).append(pd.bdate_range("2021-01-01", periods=60))
    first = first_rows(days, pd.Timedelta("30D"))
    assert first[60] == -1
    assert first[60 + FEWEST_ROWS - 1] == 60
    assert first[60 + FEWEST_ROWS - 2] == -1


@pytest.mark.parametrize(
    ("short", "long", "horizon", "message"),
    [
        (5, 252, 252, "at least 10 rows"),
        (90, 60, 252, "shorter"),
        (90, "365D", 252, "both be rows or"),
        ("5D", "365D", 252, "at least 14 days"),
        ("3 cats", "365D", 252, "fixed offset"),
        (90.5, 252, 252, "whole number of rows"),
        (True, 252, 252, "whole number of rows"),
        (90, 252, 10, "horizon=10"),
    ],
)
def test_bad_windows(dates, short, long, horizon, message):
    with pytest.raises(WindowError, match=message):
        resolve(dates, short, long, horizon)


def test_days_need_dates():
    with pytest.raises(WindowError, match="need dates"):
        resolve(500, "90D", "365D")


def test_windows_longer_than_the_data():
    prices = rc.simulate("constant", n_obs=700, rng=0).prices
    with pytest.raises(WindowError, match="longer than the data"):
        rc.rolling_correlation(prices, window="2000D")
    with pytest.raises(WindowError, match="do not fit"):
        rc.find_episodes(prices, short_window="300D", long_window="900D")


def test_words():
    assert in_words(90) == "90-row"
    assert in_words("365D") == "365-day"
