"""Claims about the log-price gap: true, empty and unreadable samples, and no look-ahead."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.data.windows import resolve
from regimecorr.events import read_gap
from regimecorr.inference.claims import gaps, reversion
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.gaps import TESTS
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.table import published_claims
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


def light(sample: ClaimSample) -> ClaimSample:
    """The sample with cheap worlds: DCC and regimes are others."""
    worlds = make_worlds(CHEAP, sample.pair.returns, GARCH())
    object.__setattr__(sample, "worlds", worlds)
    stand_in = sample.histories("bootstrap")
    sample._cache.update(dcc=stand_in, regimes=stand_in)
    return sample


def walks(n: int, seed: int, rho: float = 0.0) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal((n, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    return 0.01 * z


def tied(n: int, seed: int, half_life: float) -> np.ndarray:
    """Log returns of legs whose gap is pulled back."""
    moves = walks(n, seed)
    phi, gap, out = 0.5 ** (1.0 / half_life), 0.0, moves.copy()
    for t in range(n):
        new = phi * gap + 0.02 * moves[t, 0] / 0.01
        out[t, 0] = moves[t, 1] + new - gap
        gap = new
    return out


def run(name: str, sample: ClaimSample, **options: object) -> Evidence:
    claim = CLAIMS[name]
    return TESTS[name](sample, basis=claim.basis, **(dict(claim.options) | options))


def same(one: Evidence, other: Evidence) -> None:
    """Assert that two pieces of evidence agree but for what came later."""
    for field in fields(Evidence):
        if field.name != "out_of_sample":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def own_story(sample: ClaimSample) -> list[list[str]]:
    """The story that the data tell: who closed each gap."""
    windows = resolve(sample.dates, "90D", "365D", 252)
    rule = gaps.DivergenceRule(reference="overlapping", elevated=0.3, merge=1)
    found = gaps._pathways(sample, "levels", windows, rule)
    closed = found[found["pathway"].isin(["asset-led", "benchmark-led"])]
    return [
        [str(row["start"].date()), str(row["start"].date()), row["pathway"].removesuffix("-led")]
        for _, row in closed.iterrows()
    ]


class TestWhoClosed:
    def test_a_true_story(self) -> None:
        sample = light(sample_of(walks(2500, 3)))
        story = own_story(sample)
        assert len(story) >= 4
        assert {leg for _, _, leg in story} == {"asset", "benchmark"}
        found = run("who_closed", sample, story=story)
        assert found.estimate == 1.0
        assert found.pvalue == found.min_pvalue <= 0.1
        assert not found.contradicted
        assert not found.uninformative

    def test_one_wrong_leg_contradicts_it(self) -> None:
        sample = light(sample_of(walks(2500, 3)))
        story = own_story(sample)
        other = {"asset": "benchmark", "benchmark": "asset"}
        story[0][2] = other[story[0][2]]
        found = run("who_closed", sample, story=story)
        assert found.contradicted
        assert found.estimate == pytest.approx(1.0 - 1.0 / len(story))

    def test_size(self) -> None:
        pvalues = []
        for seed in range(12):
            sample = light(sample_of(walks(1800, seed)))
            story = own_story(sample)
            for told in np.random.default_rng(seed).choice(["asset", "benchmark"], (2, len(story))):
                mine = [[a, b, str(leg)] for (a, b, _), leg in zip(story, told, strict=True)]
                pvalues.append(run("who_closed", sample, story=mine).pvalue)
        # Only gaps that closed are told here, which favours the story.
        assert np.mean(np.array(pvalues) <= 0.05) <= 0.2

    def test_an_open_gap_does_not_match(self) -> None:
        sample = light(sample_of(walks(2500, 3)))
        windows = resolve(sample.dates, "90D", "365D", 40)
        rule = gaps.DivergenceRule(reference="overlapping", elevated=0.3, merge=1)
        found = gaps._pathways(sample, "levels", windows, rule)
        open_ones = found[found["pathway"] == "open"]
        day = str(open_ones["start"].iloc[0].date())
        evidence = run("who_closed", sample, story=[[day, day, "asset"]], horizon=40)
        assert evidence.estimate == 0.0
        assert not evidence.contradicted

    def test_other_dates(self) -> None:
        sample = light(sample_of(walks(1500, 3)))
        found = run("who_closed", sample, story=[["1999-01-01", "1999-12-31", "asset"]])
        assert "do not hold" in found.uninformative


class TestPositioning:
    @staticmethod
    def closings(led: list[bool], trend: list[float]) -> pd.DataFrame:
        pathway = ["asset-led" if asset else "benchmark-led" for asset in led]
        return pd.DataFrame({"pathway": pathway, "relative_trend": trend})

    def test_a_perfect_rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        frame = self.closings([True] * 4 + [False] * 4, [-4.0, -3, -2, -1, 1, 2, 3, 4])
        monkeypatch.setattr(gaps, "_pathways", lambda *_: frame)
        found = run("positioning_decides", sample_of(walks(1000, 1), n_boot=4000))
        assert found.pvalue == pytest.approx(2 / 70)
        assert found.min_pvalue == pytest.approx(2 / 70)
        drawn = np.mean(found.replicates >= found.statistic)
        assert drawn == pytest.approx(2 / 70, abs=0.01)
        assert found.estimate < 0.0  # the asset leads where it lags its trend

    def test_three_against_two_cannot_reach_the_level(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        frame = self.closings([True] * 3 + [False] * 2, [-3.0, -2, -1, 1, 2])
        monkeypatch.setattr(gaps, "_pathways", lambda *_: frame)
        found = run("positioning_decides", sample_of(walks(1000, 1)), above=0.0)
        assert found.pvalue == found.min_pvalue == pytest.approx(0.10)

    def test_size(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(2)
        sample, pvalues = sample_of(walks(1000, 1)), []
        for _ in range(60):
            frame = self.closings([True] * 5 + [False] * 4, list(rng.standard_normal(9)))
            monkeypatch.setattr(gaps, "_pathways", lambda *_, frame=frame: frame)
            pvalues.append(run("positioning_decides", sample).pvalue)
        assert np.sum(np.array(pvalues) <= 0.05) <= 7

    def test_one_leg_led_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        frame = self.closings([True] * 4, [-4.0, -3, -2, -1])
        monkeypatch.setattr(gaps, "_pathways", lambda *_: frame)
        found = run("positioning_decides", sample_of(walks(1000, 1)))
        assert "4 gaps closed, 4 led by the asset" in found.uninformative

    def test_in_rows(self) -> None:
        sample = sample_of(walks(2500, 0))
        found = run("positioning_decides", sample)
        closed, led, _ = gaps._closings(
            sample,
            "levels",
            resolve(sample.dates, 90, 252, 252),
            gaps.DivergenceRule(reference="overlapping", elevated=0.3, merge=10),
            "relative_trend",
            None,
        )
        own = gaps.test_positioning(closed, predictor="relative_trend", n_perm=99, rng=0).table
        assert (
            f"with 90 and 252 rows {int(led.sum())} of {len(led)} led by the asset, estimate "
            f"{own.loc['firth', 'estimate']:+.2f}" in found.note
        )
        assert own.loc["firth", "estimate"] != pytest.approx(found.estimate, abs=0.005)

    def test_on_prices(self) -> None:
        found = run("positioning_decides", sample_of(walks(2500, 3)))
        assert 0.0 < found.min_pvalue <= found.pvalue <= 1.0
        assert found.replicates.shape == (N_BOOT,)


class TestSetup:
    @staticmethod
    def fallen(then: float) -> np.ndarray:
        """The asset falls behind before the date (row 1,000) and moves afterwards."""
        returns = walks(1100, 4, 0.3)
        returns[970:1000, 0] -= 0.008
        returns[1000:, 0] = then + 0.1 * returns[1000:, 0]
        return returns

    def test_catching_up_is_a_matter_of_luck(self) -> None:
        sample = sample_of(self.fallen(0.01), rows=1000)
        found = run("setup_resolves", sample)
        assert 0.05 < found.min_pvalue < 0.95
        assert "walks give it with probability" in found.uninformative
        assert "the asset behind" in found.note
        by_rows = read_gap(np.log(sample.pair.prices.to_numpy()), 252)
        assert f"; with 252 rows z = {by_rows.z:+.2f}, fitted DCC " in found.note
        assert "it has resolved as told;" in found.out_of_sample

    def test_scored_on_the_data_since(self) -> None:
        found = run("setup_resolves", sample_of(self.fallen(-0.001), rows=1000))
        assert "it has not resolved as told so far" in found.out_of_sample
        assert f"fitted DCC {found.estimate**2:.2f}" in found.out_of_sample

    def test_walks_have_even_chances(self) -> None:
        # Of legs that move alike, each closes half of the gaps that close.
        sample = sample_of(self.fallen(0.0), rows=1000, n_boot=400)
        up = run("setup_resolves", sample)
        down = run("setup_resolves", sample, leader="benchmark", direction="down")
        assert up.min_pvalue == pytest.approx(down.min_pvalue, abs=0.12)
        ahead = run("setup_resolves", sample, direction="down")
        assert ahead.estimate < 0.1  # a leg that is behind does not close a gap by falling

    def test_without_a_gap(self) -> None:
        gap = gaps.Gap(1.0, 0.1, 0.99, 0.1)
        moves = np.zeros((3, 5, 2))
        moves[0, :, 0] = 0.1
        moves[1, :, 1] = 0.1
        moves[2] = [-0.1, -0.2]
        assert gaps._as_told(gap, moves, "asset", "up").tolist() == [True, False, False]
        assert gaps._as_told(gap, moves, "benchmark", "down").tolist() == [False, False, True]


class TestStanding:
    def test_is_the_gap_of_every_row(self) -> None:
        returns = walks(400, 2)
        paths = np.cumsum(returns, axis=0)
        windows = resolve(prices_of(returns).index[1:], "90D", "365D")
        distance, z = reversion._standing((paths[:, 0] - paths[:, 1])[None], windows)
        for row in (290, 333, 399):
            gap = read_gap(paths[: row + 1], row - int(windows.long[row]) + 1)
            assert z[0, row] == pytest.approx(gap.z)
            assert distance[0, row] == pytest.approx(gap.level - gap.mean)
        assert np.isnan(z[0, windows.long < 0]).all()

    def test_narrowed_by_hand(self) -> None:
        windows = resolve(200, 10, 20, 40)
        gap = 0.001 * np.random.default_rng(0).standard_normal(200)
        gap[60] += 0.1  # alone, and gone at once
        assert reversion._narrowed(gap[None], windows, 4.0, 40).tolist() == [1.0]
        gap[60:] += np.linspace(0.0, 5.0, 140)
        assert reversion._narrowed(gap[None], windows, 4.0, 40).tolist() == [0.0]
        assert np.isnan(reversion._narrowed(gap[None], windows, 40.0, 40)).all()


class TestRecord:
    def test_a_jump_is_a_record(self) -> None:
        returns = walks(1500, 1)
        returns[-1, 0] = 1.5
        found = run("record_gap", light(sample_of(returns)))
        assert found.estimate > 1.0
        assert found.pvalue <= 0.05
        assert not found.contradicted

    def test_no_record_is_contradicted(self) -> None:
        returns = walks(1500, 1)
        returns[700, 0] = 1.5
        found = run("record_gap", light(sample_of(returns)))
        assert found.estimate < 1.0
        assert found.contradicted
        assert "most on 2020-09-0" in found.note

    def test_in_rows(self) -> None:
        """A year of 365 days has 261 rows here; both look back at the gap of their own year."""
        sample = light(sample_of(walks(1500, 1)))
        gap = np.log(sample.pair.prices["A"] / sample.pair.prices["B"]).iloc[1:]
        window = gap.rolling(252)
        z = ((gap - window.mean()) / window.std()).abs()
        ratio = z.iloc[-21:].max() / z.iloc[:-21].max()
        found = run("record_gap", sample)
        assert f"with 252 rows {ratio:.2f};" in found.note
        assert found.estimate != pytest.approx(ratio, abs=0.005)

    def test_size(self) -> None:
        found = [run("record_gap", light(sample_of(walks(900, s)))) for s in range(30)]
        assert sum(e.pvalue <= 0.05 for e in found) <= 5
        assert np.mean([e.pvalue for e in found]) > 0.3


class TestNarrows:
    def test_a_gap_that_is_pulled_back(self) -> None:
        sample = light(sample_of(tied(2000, 3, 30.0)))
        found = run("gap_narrows", sample)
        assert found.estimate > 0.75
        assert found.pvalue <= 0.05
        assert found.power > 0.2
        assert not found.contradicted
        assert "p 0.000, slope 1.05" in found.note
        assert "rank 1" in found.note
        assert "half-life" in found.note

    def test_a_gap_that_widens(self) -> None:
        returns = walks(1500, 1)
        returns[:, 0] += 0.004
        found = run("gap_narrows", light(sample_of(returns)))
        assert found.estimate < 0.1
        assert found.contradicted

    def test_size(self) -> None:
        found = [run("gap_narrows", light(sample_of(walks(900, s)))) for s in range(25)]
        known = np.array([e.pvalue for e in found if np.isfinite(e.pvalue)])
        assert known.size >= 20
        assert np.sum(known <= 0.05) <= 5
        assert known.mean() > 0.3
        # Fewer than half never support it, however seldom those of walks narrow.
        seldom = [e for e in found if e.estimate < 0.5]
        assert all(e.contradicted or e.uninformative for e in seldom)
        assert any("reaches half" in e.uninformative for e in seldom)

    def test_in_rows(self) -> None:
        sample = light(sample_of(walks(1500, 1)))
        found = run("gap_narrows", sample)
        gap = np.log(sample.pair.prices["A"] / sample.pair.prices["B"]).iloc[1:]
        window = gap.rolling(252)
        then = gap - window.mean()
        after = gap.shift(-252) - window.mean()
        wide = (then / window.std()).abs().ge(1.5) & after.notna()
        share = (after.abs() < then.abs())[wide].mean()
        assert f"with 252 rows {share:.0%};" in found.note

    def test_no_extreme_gap(self) -> None:
        found = run("gap_narrows", light(sample_of(walks(900, 1))), extreme=50.0)
        assert "no gap of 50" in found.uninformative
        assert "Engle-Granger" in found.note


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
    story = own_story(alone)
    assert story
    for name in TESTS:
        options = {"story": story} if name == "who_closed" else {}
        one, two, three = (run(name, s, **options) for s in (*samples, alone))
        if name not in ("who_closed", "positioning_decides"):
            assert one.out_of_sample
            assert one.out_of_sample != two.out_of_sample
        assert not three.out_of_sample
        same(one, two)
        same(one, three)


def test_market(market_data: object) -> None:
    """On ETH and IWM: the gap is no record, and one told closing was led by the other leg."""
    frames = {
        "ETH": pd.read_csv(f"{market_data}/eth_usd.csv", index_col=0, parse_dates=True)["close"],
        "IWM": pd.read_csv(f"{market_data}/iwm.csv", index_col=0, parse_dates=True)["close"],
    }
    prices = pd.concat(frames, axis=1, sort=True).loc["2016":].dropna()
    pair, whole = align(prices, as_of="2026-01-15"), align(prices)
    sample = light(ClaimSample(pair, whole, prices[[]], None, None, None, (), 100, 1))
    story = run("who_closed", sample)
    assert story.estimate == pytest.approx(3 / 5)
    assert story.contradicted
    assert "2023-05-08 asset-led down (told benchmark-led)" in story.note
    record = run("record_gap", sample)
    assert record.contradicted
    assert "z is -0.20" in record.note
    rule = run("positioning_decides", sample)
    assert rule.min_pvalue == pytest.approx(0.125)
