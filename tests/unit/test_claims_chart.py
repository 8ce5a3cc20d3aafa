"""Claims about the chart: true, empty and unreadable samples, and no look-ahead."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.data.windows import resolve
from regimecorr.events import legs, rolling_correlations
from regimecorr.inference.claims import histories
from regimecorr.inference.claims.alarms import _begins, _lowered, alarm
from regimecorr.inference.claims.chart import TESTS, _parts_closed
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.table import published_claims
from regimecorr.inference.contrast import share_beyond
from regimecorr.inference.nulls import make_worlds
from regimecorr.models.margins import GARCH

#: The samples have constant volatility and correlation: neither GARCH nor regimes are identified.
pytestmark = [
    pytest.mark.filterwarnings("ignore::regimecorr.errors.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::regimecorr.errors.DegenerateRegimeWarning"),
]
N_BOOT = 100
CHEAP = ("independent", "constant", "break", "bootstrap")
CLAIMS = {claim.test: claim for claim in published_claims() if claim.test in TESTS}


def prices_of(returns: np.ndarray) -> pd.DataFrame:
    path = 100.0 * np.exp(np.vstack([np.zeros(2), np.cumsum(returns, axis=0)]))
    days = pd.bdate_range("2018-01-01", periods=len(path))
    return pd.DataFrame(path, index=days, columns=["A", "B"])


def sample_of(returns: np.ndarray, *, rows: int | None = None, n_boot: int = N_BOOT) -> ClaimSample:
    """A sample of log returns (n_rows, 2), of which the first ``rows`` precede the trial."""
    prices = prices_of(returns)
    as_of = None if rows is None else prices.index[rows]
    pair = align(prices, as_of=as_of, min_rows=100)
    whole = align(prices, min_rows=100)
    return ClaimSample(pair, whole, prices[[]], None, None, None, (), n_boot, seed=7)


def light(sample: ClaimSample, dcc: np.ndarray | None = None) -> ClaimSample:
    """The sample with cheap worlds: DCC and regimes are others, or the histories given."""
    worlds = make_worlds(CHEAP, sample.pair.returns, GARCH())
    object.__setattr__(sample, "worlds", worlds)
    stand_in = sample.histories("bootstrap") if dcc is None else dcc
    sample._cache.update(dcc=stand_in, regimes=stand_in)
    return sample


def walks(n: int, seed: int, rho: float = 0.0) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal((n, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    return 0.01 * z


def run(name: str, sample: ClaimSample, **options: object) -> Evidence:
    claim = CLAIMS[name]
    given = {key: value for key, value in claim.options.items() if key != "since"}
    return TESTS[name](sample, basis=claim.basis, **(given | options))


def opposed(returns: np.ndarray, spells: list[tuple[int, int]]) -> np.ndarray:
    """The same returns, the second leg turned round in the spells."""
    out = returns.copy()
    for first, stop in spells:
        out[first:stop, 1] *= -1.0
    return out


class TestHistories:
    def test_share_beyond(self) -> None:
        null = np.r_[np.arange(100.0)]
        assert share_beyond(null, np.array([94.0, 95.0, 96.0, 200.0])) == 0.75
        # A null world that often takes its largest value never lets a test reject.
        assert share_beyond(np.ones(100), np.ones(100)) == 0.0
        assert share_beyond(null, np.array([np.nan, 200.0])) == 0.5

    def test_share_beyond_is_the_level_under_the_null(self) -> None:
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, 20_000))
        assert share_beyond(a, b) == pytest.approx(0.05, abs=0.01)

    def test_against_world(self) -> None:
        null = np.r_[np.arange(99.0), np.nan]
        found = histories.against_world(97.0, null, most=98.0, test="")
        assert found.pvalue == pytest.approx(3 / 101)
        assert found.min_pvalue == pytest.approx(2 / 101)
        assert found.replicates[-1] == -np.inf
        low = histories.against_world(1.0, null, sign=-1.0, most=0.0, test="")
        assert low.pvalue == pytest.approx(3 / 101)

    def test_a_null_without_the_figure_says_nothing(self) -> None:
        found = histories.against_world(1.0, np.full(100, np.nan), test="")
        assert found.uninformative
        assert np.isnan(found.pvalue)

    def test_widest_interval(self) -> None:
        narrow, wide = np.linspace(0.4, 0.6, 101), np.linspace(-1.0, 1.0, 101)
        low, high = histories.widest_interval(0.2, {"a": narrow, "b": wide}, -0.5, 1.0)
        assert low == -0.5
        assert high == 1.0
        nearly_all = np.r_[np.ones(99), 0.9]
        low, high = histories.widest_interval(0.8, {"a": nearly_all})
        assert low <= 0.8 <= high
        low, high = histories.widest_interval(0.2, {"a": narrow, "b": wide})
        assert (low, high) == pytest.approx((0.2 - 0.95, 0.2 + 0.95))


class TestShareInBand:
    def test_tied_legs(self) -> None:
        found = run("share_in_band", light(sample_of(walks(1500, 1, 0.99))), band=[0.6, 1.0])
        assert found.estimate > 0.9
        assert found.pvalue <= 0.05
        assert not found.contradicted
        assert found.lower <= found.estimate <= found.upper

    def test_fewer_days_than_claimed_do_not_support_it(self) -> None:
        """More days than independent legs have there, and yet not most of them."""
        sample = light(sample_of(walks(1500, 1, 0.97)))
        plain = run("share_in_band", sample, band=[0.9, 1.0])
        assert plain.pvalue <= 0.05
        assert plain.estimate < plain.upper
        mostly = 0.5 * (plain.estimate + plain.upper)
        found = run("share_in_band", sample, band=[0.9, 1.0], mostly=mostly)
        assert not found.contradicted
        assert "but the interval reaches it" in found.uninformative

    def test_opposed_legs_contradict_it(self) -> None:
        found = run("share_in_band", light(sample_of(walks(1500, 1, -0.95))))
        assert found.estimate < 0.1
        assert found.contradicted

    def test_size(self) -> None:
        found = [run("share_in_band", light(sample_of(walks(1000, s)))) for s in range(30)]
        assert sum(e.pvalue <= 0.05 for e in found) <= 5  # 1.5 expected
        assert np.mean([e.pvalue for e in found]) > 0.3

    def test_since(self) -> None:
        sample = light(sample_of(walks(1500, 2)))
        windows = resolve(sample.dates, "90D", "365D")
        _, long = rolling_correlations(*legs(sample.series("levels")), windows)
        mine = long[sample.dates >= "2021-01-01"]
        found = run("share_in_band", sample, since="2021-01-01")
        assert found.estimate == np.mean((mine >= 0.6) & (mine <= 0.9))
        late = run("share_in_band", sample, since="2099-01-01")
        assert "0 days" in late.uninformative

    def test_interval_covers(self) -> None:
        def share(seed: int) -> float:
            x = walks(1000, seed, 0.6)
            windows = resolve(prices_of(x).index[1:], "90D", "365D")
            _, long = rolling_correlations(*legs(np.exp(np.cumsum(x, axis=0))), windows)
            long = long[windows.long >= 0]
            return float(np.mean((long >= 0.6) & (long <= 0.9)))

        truth = np.mean([share(seed) for seed in range(1000, 1400)])
        found = [run("share_in_band", light(sample_of(walks(1000, s, 0.6)))) for s in range(20)]
        assert sum(e.lower <= truth <= e.upper for e in found) >= 15


class TestLowOnlyOnce:
    def test_one_low_spell(self) -> None:
        returns = opposed(walks(2000, 3, 0.995), [(900, 1080)])
        sample = light(sample_of(returns))
        told = [str(sample.dates[row].date()) for row in (950, 1150)]
        found = run("low_only_once", sample, around=told)
        assert found.estimate == 1.0
        assert not found.contradicted
        assert found.pvalue < 0.2
        assert found.min_pvalue == found.pvalue  # fewer than one spell would be wrong as well
        elsewhere = [str(sample.dates[row].date()) for row in (1600, 1700)]
        assert run("low_only_once", sample, around=elsewhere).contradicted

    def test_two_spells_contradict_it(self) -> None:
        returns = opposed(walks(2500, 3, 0.995), [(600, 780), (1600, 1780)])
        sample = light(sample_of(returns))
        told = [str(sample.dates[row].date()) for row in (650, 850)]
        found = run("low_only_once", sample, around=told)
        assert found.estimate == 2.0
        assert found.contradicted

    def test_size(self) -> None:
        around = ["2020-01-01", "2020-12-31"]
        found = [
            run("low_only_once", light(sample_of(walks(1000, s))), around=around) for s in range(30)
        ]
        assert sum(e.pvalue <= 0.05 for e in found) <= 5
        assert np.mean([e.pvalue for e in found]) > 0.3

    def test_date_outside_the_data(self) -> None:
        found = run("low_only_once", light(sample_of(walks(1000, 1))), around=["1999-01-01"] * 2)
        assert "do not hold" in found.uninformative


class TestAllResolved:
    def test_the_record_is_that_of_the_trial(self) -> None:
        returns = walks(1500, 5, 0.3)
        found = run("all_resolved", light(sample_of(returns)))
        trial = rc.test_claim(
            prices_of(returns), basis="levels", nulls=("constant", "break"), n_boot=50
        )
        assert found.estimate == trial.observed["share_resolved"]
        assert trial.record is not None
        assert (found.lower, found.upper) == trial.record.clopper_pearson

    def test_k_of_k_is_no_evidence(self) -> None:
        found = run("all_resolved", light(sample_of(walks(1500, 5, 0.3))))
        assert found.estimate == 1.0
        assert not found.contradicted
        assert "power" in found.uninformative
        assert found.min_pvalue > 0.5  # all of k is what a break shows too
        assert found.pvalue == found.min_pvalue

    def test_one_that_did_not_resolve_contradicts_it(self) -> None:
        tied = walks(1500, 8, 0.99)
        tied[900:] = [0.01, -0.01] + 0.001 * np.random.default_rng(1).standard_normal((600, 2))
        tied[600:900] = 0.01 + 0.001 * np.random.default_rng(2).standard_normal((300, 2))
        found = run("all_resolved", light(sample_of(tied)))
        assert found.estimate < 1.0
        assert found.contradicted

    def test_no_divergence(self) -> None:
        found = run("all_resolved", light(sample_of(walks(900, 8, 0.9999))))
        assert "no record" in found.uninformative


class TestSustainedFall:
    def test_alarm(self) -> None:
        long = np.array([np.nan, 0.1, 0.1, 0.1, 0.5, 0.2, 0.2, 0.2, 0.2, 0.4, 0.2, 0.2, 0.2])
        found = alarm(long, 0.3, 3)
        assert found.watched.tolist() == [False] * 4 + [True] * 9
        assert np.flatnonzero(found.on).tolist() == [7, 8, 12]
        assert np.flatnonzero(found.begins).tolist() == [7, 12]
        assert _begins(found.on).tolist() == [7, 12]

    def test_a_break_is_announced(self) -> None:
        rng = np.random.default_rng(4)
        x = 0.01 * rng.standard_normal((1600, 2))
        x[:800, 1] = 0.8 * x[:800, 0] + 0.6 * x[:800, 1]
        steady = np.stack([walks(1600, s, 0.45) for s in range(N_BOOT)])
        found = run("sustained_fall", light(sample_of(x), steady), fall_below=0.4)
        # The year before the break counts as calm and is followed by it.
        assert found.estimate > 0.3
        assert found.pvalue <= 0.05
        assert not found.contradicted

    def test_size(self) -> None:
        pvalues = []
        for seed in range(30):
            steady = np.stack([walks(1100, 1000 * (seed + 1) + s, 0.3) for s in range(N_BOOT)])
            sample = light(sample_of(walks(1100, seed, 0.3)), steady)
            pvalues.append(run("sustained_fall", sample, sustained_rows=21).pvalue)
        known = np.array(pvalues)[np.isfinite(pvalues)]
        assert known.size >= 20
        assert np.sum(known <= 0.05) <= 5

    def test_in_rows(self) -> None:
        x = walks(1600, 4, 0.45)
        x[800:, 1] = walks(800, 5)[:, 1]
        sample = light(sample_of(x))
        found = run("sustained_fall", sample, fall_below=0.4)
        windows = resolve(sample.dates, 90, 252, 252)
        own = _lowered(sample.returns, windows, 0.4, 63, 252)
        assert np.isfinite(own)
        assert f"With 252 rows the difference is {own:+.2f}." in found.note
        assert found.estimate != pytest.approx(own, abs=0.005)

    def test_no_alarm(self) -> None:
        found = run("sustained_fall", light(sample_of(walks(1100, 1, 0.9))))
        assert "never went off" in found.uninformative
        assert "false alarms a year 0.00 (constant)" in found.note


class TestShortMovesToLong:
    def test_parts(self) -> None:
        windows = resolve(60, 10, 20, 40)
        short, long = np.full(60, 0.6), np.full(60, 0.6)
        short[5], short[45], long[45] = 0.1, 0.5, 0.4  # distance .5: +.4 by short, +.2 by long
        short[8], long[8], short[48], long[48] = 0.6, -0.2, 0.4, 0.0  # from above: .25 and .25
        found = _parts_closed(short, long, windows, 0.5)
        assert found == pytest.approx([(0.8 + 0.25) / 2, (0.4 + 0.25) / 2, 0.8, 0.25])
        assert np.all(np.isnan(_parts_closed(short, long, windows, 0.9)))

    def test_more_than_mechanical(self) -> None:
        spells = [(first, first + 30) for first in range(400, 3900, 250)]
        returns = opposed(walks(4000, 6, 0.99), spells)
        found = run("short_moves_to_long", light(sample_of(returns)))
        assert found.estimate > 0.65
        assert found.pvalue <= 0.05
        assert not found.contradicted

    def test_size(self) -> None:
        found = [run("short_moves_to_long", light(sample_of(walks(1000, s)))) for s in range(30)]
        assert sum(e.pvalue <= 0.05 for e in found) <= 5
        assert np.mean([e.pvalue for e in found]) > 0.3

    def test_in_rows(self) -> None:
        sample = light(sample_of(walks(1500, 8)))
        windows = resolve(sample.dates, 90, 252, 90)
        correlations = rolling_correlations(*legs(sample.series("levels")), windows)
        own = _parts_closed(*correlations, windows, 0.5)[0]
        found = run("short_moves_to_long", sample)
        assert f"with 90 and 252 rows and a 90-row horizon {own:+.2f};" in found.note
        assert found.estimate != pytest.approx(own, abs=0.005)

    def test_never_apart(self) -> None:
        found = run("short_moves_to_long", light(sample_of(walks(900, 8, 0.99999))))
        assert "never" in found.uninformative


@pytest.mark.parametrize("name", sorted(TESTS))
def test_too_few_data(name: str) -> None:
    for n in (150, 400):
        found = run(name, sample_of(walks(n, 1)))
        assert "too few data" in found.uninformative
        assert np.isnan(found.pvalue)


def test_later_rows_change_only_the_outcome() -> None:
    returns = walks(1500, 9, 0.4)
    other = returns.copy()
    other[1200:] = walks(300, 10, -0.9)
    samples = [sample_of(x, rows=1200) for x in (returns, other)]
    alone = sample_of(returns[:1200])
    around = [str(samples[0].dates[row].date()) for row in (500, 700)]
    for name in TESTS:
        options = {"around": around} if name == "low_only_once" else {}
        one, two, three = (run(name, s, **options) for s in (*samples, alone))
        assert one.out_of_sample
        assert one.out_of_sample != two.out_of_sample
        assert not three.out_of_sample
        same(one, two)
        same(one, three)


def same(one: Evidence, other: Evidence) -> None:
    """Assert that two pieces of evidence agree but for what came later."""
    for field in fields(Evidence):
        if field.name != "out_of_sample":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_market(market_data: object) -> None:
    """On ETH and IWM since 2020: 41 % with 252 rows, 55 % with 365 rows, and four low spells."""
    frames = {
        "ETH": pd.read_csv(f"{market_data}/eth_usd.csv", index_col=0, parse_dates=True)["close"],
        "IWM": pd.read_csv(f"{market_data}/iwm.csv", index_col=0, parse_dates=True)["close"],
    }
    prices = pd.concat(frames, axis=1, sort=True).loc["2016":].dropna()
    pair, whole = align(prices, as_of="2026-01-15"), align(prices)
    sample = light(ClaimSample(pair, whole, prices[[]], None, None, None, (), 100, 1))
    band = TESTS["share_in_band"](sample, basis="levels", **CLAIMS["share_in_band"].options)
    assert band.note.startswith("41% with 252 rows, 55% with 365 rows")
    assert band.estimate == pytest.approx(0.414, abs=0.002)
    low = TESTS["low_only_once"](sample, basis="levels", **CLAIMS["low_only_once"].options)
    assert low.estimate == 4.0
    assert low.contradicted
    later = TESTS["short_moves_to_long"](sample, basis="levels", apart=0.5)
    assert "fell as low as -0.78" in later.out_of_sample


def test_seed_decides() -> None:
    sample = light(sample_of(walks(1000, 1)))
    again = light(replace(sample, _cache={}))
    same(run("share_in_band", sample), run("share_in_band", again))
