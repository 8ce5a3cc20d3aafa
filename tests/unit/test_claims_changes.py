"""Claims about changes and causes, on samples in which they are true, false or unknowable."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.errors import DataError
from regimecorr.inference.claims.changes import TESTS
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.table import Event

# Simulated variances that do not change at all end on a bound of the GARCH fit.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The variance of:regimecorr.errors.ConvergenceWarning"
)

SINCE = "2018-01-01"
EVENTS = (
    Event(name="first", date=pd.Timestamp("2016-01-01")),
    Event(name="second", date=pd.Timestamp(SINCE)),
)


def sample_of(returns, cut=None, others=None, events=EVENTS, n_boot=100, seed=0):
    """Pair, and peer C and market D if there are four columns, on business days from 2014."""
    days = pd.bdate_range("2014-01-01", periods=len(returns) + 1)
    steps = np.vstack([np.zeros((1, returns.shape[1])), returns])
    table = pd.DataFrame(
        100.0 * np.exp(np.cumsum(steps, axis=0)), days, list("ABCD")[: returns.shape[1]]
    )
    whole = align(table[["A", "B"]])
    pair = align(table[["A", "B"]], as_of=None if cut is None else days[cut])
    rest = table[["C", "D"]] if returns.shape[1] == 4 else table[[]]
    if others is not None:
        rest = others(rest)
    peer, market = (name if name in rest else None for name in ("C", "D"))
    return ClaimSample(pair, whole, rest, peer, market, None, events, n_boot, seed)


def same(first, second):
    for field in fields(first):
        if field.name != "out_of_sample":
            np.testing.assert_equal(getattr(first, field.name), getattr(second, field.name))


def late(n, since=SINCE):
    return np.asarray(pd.bdate_range("2014-01-01", periods=n + 1)[1:] >= pd.Timestamp(since))


def pair_of(rng, n, rho):
    """Correlated t(6) returns with a common changing volatility; rho by row or constant."""
    x, e = rng.standard_normal((2, n)) * np.sqrt(6.0 / rng.chisquare(6, n))
    volatility = 0.01 * np.exp(0.4 * np.sin(np.arange(n) / 90.0))
    return np.column_stack([rho * x + np.sqrt(1 - np.square(rho)) * e, x]) * volatility[:, None]


class TestEvents:
    def test_true(self):
        returns = pair_of(np.random.default_rng(0), 2200, np.where(late(2200), 0.0, 0.7))
        found = TESTS["events_changed_it"](sample_of(returns), basis="returns")
        assert found.pvalue < 0.05
        assert not found.uninformative
        assert found.estimate == pytest.approx(-0.7, abs=0.15)
        assert found.lower < -0.7 < found.upper or abs(found.estimate + 0.7) < 0.15
        assert "Largest: second" in found.note
        assert found.power > 0.8

    def test_size(self):
        rng = np.random.default_rng(1)
        rejected = 0
        for seed in range(40):
            sample = sample_of(pair_of(rng, 1500, 0.5), seed=seed)
            rejected += TESTS["events_changed_it"](sample, basis="returns").pvalue < 0.1
        assert rejected <= 10

    def test_a_correlation_that_always_wanders_is_not_the_events_doing(self):
        """It changes every 260 rows, once of them two months before an event."""
        n = 2200
        row = np.arange(n) - late(n).argmax() + 40
        wander = 0.45 + 0.45 * np.sign(np.sin(2 * np.pi * row / 520))
        returns = pair_of(np.random.default_rng(2), n, np.clip(wander, 0.0, 0.9))
        found = TESTS["events_changed_it"](sample_of(returns), basis="returns")
        assert found.pvalue < 0.05
        assert "other dates hold as large a change" in found.uninformative

    def test_an_event_is_not_held_against_itself(self):
        """Moved along together, the other events would fall on the one that mattered."""
        dates = ("2016-01-01", "2017-02-01", "2018-05-01", "2018-12-01")
        events = tuple(Event(name=day, date=pd.Timestamp(day)) for day in dates)
        for seed in range(3):
            rho = np.where(late(2200, dates[0]), 0.0, 0.8)
            sample = sample_of(pair_of(np.random.default_rng(seed), 2200, rho), events=events)
            found = TESTS["events_changed_it"](sample, basis="returns")
            assert found.pvalue < 0.05
            assert found.uninformative == ""

    def test_power_is_that_of_a_fixed_change(self):
        """Before the second event the correlation was zero already, so it had nowhere to fall."""
        returns = pair_of(
            np.random.default_rng(6), 2200, np.where(late(2200, "2016-01-01"), 0, 0.7)
        )
        found = TESTS["events_changed_it"](sample_of(returns), basis="returns")
        assert found.power > 0.6  # at most one half, had the second one to bring it to zero
        assert "had one moved it by 0.3 towards the other sign" in found.note

    def test_power_grows_with_the_rows(self):
        returns = pair_of(np.random.default_rng(7), 2200, 0.2)
        powers = [
            TESTS["events_changed_it"](sample_of(returns), basis="returns", window=window).power
            for window in (63, 252, None)
        ]
        assert powers[0] < 0.6
        assert powers == sorted(powers)
        assert powers[2] > 0.9

    def test_too_few_rows(self):
        returns = pair_of(np.random.default_rng(3), 700, 0.5)
        events = (Event(name="late", date=pd.Timestamp("2016-08-15")),)
        found = TESTS["events_changed_it"](sample_of(returns, events=events), basis="returns")
        assert "no event has 63 rows" in found.uninformative
        found = TESTS["events_changed_it"](sample_of(returns, events=()), basis="returns")
        assert found.uninformative

    def test_events_at_the_ends_are_named(self):
        events = (*EVENTS, Event(name="tomorrow", date=pd.Timestamp("2040-01-01")))
        sample = sample_of(pair_of(np.random.default_rng(4), 1500, 0.5), events=events)
        found = TESTS["events_changed_it"](sample, basis="returns", window=None)
        assert "Too near the ends: tomorrow" in found.note

    def test_later_rows_change_nothing(self):
        returns = pair_of(np.random.default_rng(5), 1700, 0.4)
        changed = returns.copy()
        changed[1500:, 0] *= -1.0
        same(
            *(
                TESTS["events_changed_it"](sample_of(r, cut=1500), basis="returns")
                for r in (returns, changed)
            )
        )


class TestWhoseBreak:
    def four(self, rng, n, own=None, peer=None):
        """Asset, benchmark, peer, market: two common factors; links of asset and peer by row."""
        equity, crypto = rng.standard_normal((2, n))
        e = rng.standard_normal((4, n))
        own = np.full(n, 0.8) if own is None else own
        peer = np.full(n, 0.8) if peer is None else peer
        return 0.01 * np.column_stack(
            [
                own * equity + 0.6 * crypto + 0.5 * e[0],
                equity + 0.4 * e[1],
                peer * equity + 0.6 * crypto + 0.5 * e[2],
                equity + 0.3 * e[3],
            ]
        )

    def test_true(self):
        returns = self.four(np.random.default_rng(10), 1800, own=np.where(late(1800), 0.0, 0.9))
        found = TESTS["whose_break"](sample_of(returns), basis="returns", since=SINCE)
        assert found.pvalue < 0.05
        assert found.power > 0.8
        assert not found.contradicted

    def test_a_break_of_all_crypto_is_not_its_own(self):
        weaker = np.where(late(1800), 0.0, 0.9)
        returns = self.four(np.random.default_rng(11), 1800, own=weaker, peer=weaker)
        found = TESTS["whose_break"](sample_of(returns), basis="returns", since=SINCE)
        assert found.pvalue > 0.01
        assert found.statistic < 2.5
        assert "beyond the peer" in found.test

    def test_a_rise_refutes_it(self):
        returns = self.four(np.random.default_rng(12), 1800, own=np.where(late(1800), 0.9, 0.0))
        found = TESTS["whose_break"](sample_of(returns), basis="returns", since=SINCE)
        assert found.contradicted

    def test_size(self):
        """With a fall of both, only the second part is at its null, and decides."""
        rng = np.random.default_rng(13)
        rejected = 0
        for seed in range(30):
            weaker = np.where(late(1400), 0.1, 0.9)
            sample = sample_of(self.four(rng, 1400, own=weaker, peer=weaker), seed=seed)
            rejected += TESTS["whose_break"](sample, basis="returns", since=SINCE).pvalue < 0.1
        assert 0 < rejected <= 9

    @pytest.mark.parametrize(("column", "word"), [("C", "peer"), ("D", "market")])
    def test_missing(self, column, word):
        returns = self.four(np.random.default_rng(14), 1300)
        sample = sample_of(returns, others=lambda table: table.drop(columns=column))
        found = TESTS["whose_break"](sample, basis="returns", since=SINCE)
        assert found.uninformative == f"not tested: no {word} column was given"

    def test_holes_in_the_peer(self):
        returns = self.four(np.random.default_rng(15), 1800)
        holes = sample_of(returns, others=lambda table: table[table.index.day != 13])
        found = TESTS["whose_break"](holes, basis="returns", since=SINCE)
        assert np.isfinite(found.estimate)
        assert np.isfinite(found.replicates).all()

    def test_too_few_rows(self):
        returns = self.four(np.random.default_rng(16), 1500)
        late_peer = sample_of(returns, others=lambda t: t.loc["2017-10-01":])
        found = TESTS["whose_break"](late_peer, basis="returns", since=SINCE)
        assert "common rows before or after" in found.uninformative

    def test_later_rows_change_nothing(self):
        returns = self.four(np.random.default_rng(17), 1700)
        changed = returns.copy()
        changed[1500:] *= -3.0
        changed[1600:, 0] *= -1.0
        same(
            *(
                TESTS["whose_break"](sample_of(r, cut=1500), basis="returns", since=SINCE)
                for r in (returns, changed)
            )
        )


class TestLeads:
    def led(self, rng, n, lag, strength):
        """The benchmark follows the asset ``lag`` rows later (before it, if negative)."""
        z = rng.standard_normal((n + abs(lag), 2))
        first, second = (0, 1) if lag > 0 else (1, 0)
        follower = z[abs(lag) :, second] + strength * z[:n, first]
        out = np.empty((n, 2))
        out[:, first], out[:, second] = z[abs(lag) :, first], follower
        return 0.01 * out

    @pytest.mark.parametrize(("lag", "who"), [(3, "A 3 rows before B"), (-7, "B 7 rows before A")])
    def test_true(self, lag, who):
        sample = sample_of(self.led(np.random.default_rng(20), 1800, lag, 0.2))
        found = TESTS["leads_or_lags"](sample, basis="returns", max_lag=10)
        assert found.pvalue < 0.05
        assert f"Largest: {who}" in found.note
        assert found.lower < 0.2 / np.sqrt(1.04) < found.upper

    def test_another_hour_of_closing_is_no_lead(self):
        """News of the evening reach the benchmark on the day after: lag 1, which does not count."""
        rng = np.random.default_rng(21)
        rejected = 0
        for seed in range(15):
            day, evening, own = rng.standard_normal((3, 1000))
            benchmark = day + 0.8 * np.concatenate([[0.0], evening[:-1]])
            asset = day + 0.8 * evening + 0.5 * own
            sample = sample_of(0.01 * np.column_stack([asset, benchmark]), seed=seed)
            found = TESTS["leads_or_lags"](sample, basis="returns", max_lag=5)
            assert float(found.note.split("A 1 rows before B ")[1].split()[0]) > 0.25
            rejected += found.pvalue < 0.1
        assert rejected <= 5

    def test_size(self):
        rng = np.random.default_rng(22)
        pvalues = []
        for seed in range(40):
            sample = sample_of(pair_of(rng, 900, 0.5), seed=seed)
            pvalues.append(TESTS["leads_or_lags"](sample, basis="returns", max_lag=10).pvalue)
        assert np.sum(np.array(pvalues) < 0.1) <= 10
        assert np.mean(pvalues) > 0.3

    def test_too_few_rows(self):
        sample = sample_of(pair_of(np.random.default_rng(23), 700, 0.5))
        found = TESTS["leads_or_lags"](sample, basis="returns", max_lag=500)
        assert "too few for 500 lags" in found.uninformative

    def test_bad_option(self):
        sample = sample_of(pair_of(np.random.default_rng(24), 700, 0.5))
        with pytest.raises(DataError, match="max_lag=1"):
            TESTS["leads_or_lags"](sample, basis="returns", max_lag=1)

    def test_later_rows_change_nothing(self):
        returns = self.led(np.random.default_rng(25), 1200, 2, 0.1)
        changed = returns.copy()
        changed[1000:, 1] *= -2.0
        same(
            *(
                TESTS["leads_or_lags"](sample_of(r, cut=1000), basis="returns", max_lag=10)
                for r in (returns, changed)
            )
        )
