"""All claims in one table: the family's p-values, the verdicts, users' own claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DataError, ModelError
from regimecorr.inference.claims.battery import CLAIM_TESTS
from regimecorr.inference.claims.evidence import Evidence, from_bootstrap, upper_tail
from regimecorr.inference.claims.table import untestable_claims
from regimecorr.inference.claims.trial import _verdict, _verdicts

pytestmark = pytest.mark.filterwarnings(
    "ignore::regimecorr.errors.ConvergenceWarning",
    "ignore::regimecorr.errors.DegenerateRegimeWarning",
)


@pytest.fixture(scope="module")
def prices():
    """A pair, another asset of its kind and a market, on one calendar."""
    pair = rc.simulate("recurrent", n_obs=1700, rng=3).prices
    more = rc.simulate("constant", n_obs=1700, rng=4).prices
    noise = np.random.default_rng(0).standard_normal((len(pair), 2)).cumsum(axis=0) * 0.01
    peer = pair["A"] * np.exp(noise[:, 0])
    market = pair["B"] ** 0.7 * np.exp(noise[:, 1])
    assert len(more) == len(pair)
    return pd.DataFrame({"A": pair["A"], "B": pair["B"], "P": peer, "M": market})


@pytest.fixture(scope="module")
def macro(prices):
    rng = np.random.default_rng(1)
    n = len(prices)
    level = 20 * np.exp(0.1 * rng.standard_normal((n, 3)).cumsum(axis=0) / 5)
    return pd.DataFrame(level, index=prices.index, columns=["VIX", "NFCI", "WALCL"])


@pytest.fixture(scope="module")
def whole(prices, macro):
    return rc.test_claims(
        prices,
        asset="A",
        benchmark="B",
        peer="P",
        market="M",
        macro=macro,
        as_of="2006-01-02",
        n_boot=100,
        events=[rc.Event(name="a date", date="2003-06-02")],
    )


def test_every_published_claim_has_a_row(whole):
    assert list(whole.table.index) == list(range(1, 20))
    assert set(whole.table["verdict"]) <= {"supported", "contradicted", "uninformative"}
    assert (whole.table["reason"] != "").all()
    assert whole.table["test"].str.len().min() > 20
    known = whole.table["pvalue"].notna()
    assert known.sum() >= 8
    assert (whole.table.loc[known, "adjusted"] >= whole.table.loc[known, "pvalue"] - 1e-12).all()
    least = whole.table["min_pvalue"].notna() & known
    assert (whole.table.loc[least, "pvalue"] >= whole.table.loc[least, "min_pvalue"] - 1e-12).all()


def test_what_prices_cannot_test(whole):
    words = " ".join(untestable_claims()["statement"]).lower()
    for thing in ("volume", "breadth", "rate", "staking", "exchange"):
        assert thing in words
    assert (whole.untestable["reason"].str.len() > 20).all()


def test_summary(whole):
    text = whole.summary()
    for claim in rc.published_claims():
        assert claim.statement in text
    assert "Not testable from prices" in text


def test_same_seed_same_table(prices):
    some = [c for c in rc.published_claims() if c.test in ("share_in_band", "beta_above")]
    first, second, other = (
        rc.test_claims(prices, asset="A", benchmark="B", claims=some, n_boot=100, rng=r, n_jobs=j)
        for r, j in ((1, 1), (1, 2), (2, 1))
    )
    pd.testing.assert_frame_equal(first.table, second.table)
    assert not first.table["pvalue"].equals(other.table["pvalue"])


def test_later_rows_change_nothing_but_the_outcome(prices):
    some = [c for c in rc.published_claims() if c.id in (1, 3, 15, 16)]
    options = {"asset": "A", "benchmark": "B", "claims": some, "n_boot": 100, "as_of": "2005-06-01"}
    changed = prices.copy()
    late = changed.index > "2005-06-01"
    rng = np.random.default_rng(5)
    changed.loc[late, "A"] *= np.exp(0.05 * rng.standard_normal(late.sum()).cumsum())
    first = rc.test_claims(prices, **options).table
    second = rc.test_claims(changed, **options).table
    pd.testing.assert_frame_equal(
        first.drop(columns="out_of_sample"), second.drop(columns="out_of_sample")
    )
    assert not first["out_of_sample"].equals(second["out_of_sample"])


def test_without_peer_market_and_macro(prices):
    some = [c for c in rc.published_claims() if c.id in (10, 17)]
    found = rc.test_claims(prices[["A", "B"]], claims=some, n_boot=100).table
    assert (found["verdict"] == "uninformative").all()
    assert found["reason"].str.contains("not tested").all()


def test_own_claims(prices):
    own = rc.PublishedClaim(
        id="mine",
        statement="A has a beta above 0.1.",
        basis="returns",
        test="beta_above",
        options={"level": 0.1},
    )
    table = rc.test_claims(prices, asset="A", benchmark="B", claims=[own], n_boot=150).table
    assert table.loc["mine", "verdict"] == "supported"
    assert table.loc["mine", "lower"] > 0.1


def test_published_tables_are_whole():
    claims = rc.published_claims()
    assert [c.id for c in claims] == list(range(1, 20))
    assert {c.test for c in claims} <= set(CLAIM_TESTS)
    assert [e.date.isoformat()[:10] for e in rc.published_events()] == [
        "2021-08-05",
        "2022-09-15",
        "2024-01-11",
        "2024-07-23",
    ]


class TestVerdict:
    def test_rule(self):
        assert _verdict(Evidence(test="t", contradicted=True), 0.001)[0] == "contradicted"
        assert _verdict(Evidence(test="t", uninformative="why"), 0.001) == ("uninformative", "why")
        assert _verdict(Evidence(test="t", power=0.4), 0.001)[0] == "uninformative"
        assert _verdict(Evidence(test="t", min_pvalue=0.1), 0.1)[0] == "uninformative"
        assert _verdict(Evidence(test="t", power=0.9, min_pvalue=0.001), 0.03)[0] == "supported"
        assert _verdict(Evidence(test="t", power=0.9), 0.06)[0] == "uninformative"
        assert _verdict(Evidence(test="t"), float("nan"))[0] == "uninformative"

    def test_the_family_costs(self):
        """The same p-value is worth less among many."""
        rng = np.random.default_rng(0)

        def claims(n):
            names = [
                rc.PublishedClaim(id=i, statement="s", basis="returns", test="beta_above")
                for i in range(n)
            ]
            found = {
                i: Evidence(
                    test="t",
                    statistic=2.4 if i == 0 else 0.0,
                    replicates=rng.standard_normal(999),
                    pvalue=0.01,
                )
                for i in range(n)
            }
            return _verdicts(names, found, 999)

        assert claims(1).loc[0, "verdict"] == "supported"
        many = claims(30)
        assert many.loc[0, "adjusted"] > 0.15
        assert many.loc[0, "verdict"] == "uninformative"

    def test_a_test_without_samples_joins_by_bonferroni(self):
        names = [
            rc.PublishedClaim(id=i, statement="s", basis="returns", test="beta_above")
            for i in range(4)
        ]
        found = {i: Evidence(test="t", pvalue=0.02) for i in range(4)}
        assert _verdicts(names, found, 99)["adjusted"].tolist() == [0.08] * 4


class TestEvidence:
    def test_interval_and_p(self):
        rng = np.random.default_rng(0)
        found = from_bootstrap(1.0, 1.0 + 0.5 * rng.standard_normal(20_000), null=0.0, test="t")
        assert found.lower == pytest.approx(1 - 0.98, abs=0.03)
        assert found.upper == pytest.approx(1 + 0.98, abs=0.03)
        assert found.statistic == pytest.approx(2.0, abs=0.03)
        assert found.pvalue == pytest.approx(0.0228, abs=0.004)
        assert not found.contradicted

    def test_the_other_side(self):
        rng = np.random.default_rng(0)
        values = -1.0 + 0.2 * rng.standard_normal(500)
        assert from_bootstrap(-1.0, values, test="t").contradicted
        falls = from_bootstrap(-1.0, values, sign=-1.0, test="t")
        assert not falls.contradicted
        assert falls.statistic > 4.0
        assert falls.pvalue == falls.min_pvalue == pytest.approx(1 / 501)

    def test_samples_without_the_figure_do_not_reject(self):
        values = np.r_[np.full(50, np.nan), np.random.default_rng(0).standard_normal(50)]
        found = from_bootstrap(5.0, values, test="t")
        assert np.isneginf(found.replicates[:50]).all()
        assert found.min_pvalue == pytest.approx(1 / 101)

    def test_too_few_or_none(self):
        assert from_bootstrap(1.0, np.full(100, np.nan), test="t").uninformative
        assert from_bootstrap(1.0, np.ones(100), test="t").uninformative
        assert np.isnan(upper_tail(1.0, np.empty(0))[0])


def test_bad_requests(prices):
    options = {"asset": "A", "benchmark": "B"}
    with pytest.raises(ModelError, match="n_boot"):
        rc.test_claims(prices, **options, n_boot=50)
    with pytest.raises(DataError, match="peer='X'"):
        rc.test_claims(prices, **options, peer="X")
    with pytest.raises(DataError, match="market='A'"):
        rc.test_claims(prices, **options, market="A")
    bad = rc.PublishedClaim(id=1, statement="s", basis="returns", test="no_such_test")
    with pytest.raises(DataError, match="'no_such_test'"):
        rc.test_claims(prices, **options, claims=[bad])
    for wrong in ({"bands": [0, 1]}, {"level": 1.0, "sign": -1.0}, {}):
        bad = rc.PublishedClaim(
            id=1, statement="s", basis="returns", test="beta_above", options=wrong
        )
        with pytest.raises(DataError, match="do not fit the test 'beta_above'"):
            rc.test_claims(prices, **options, claims=[bad])
    with pytest.raises(DataError, match="DatetimeIndex"):
        rc.test_claims(prices, **options, macro=pd.DataFrame({"VIX": [20.0, 21.0]}))
    zoned = pd.DataFrame({"VIX": 20.0}, index=prices.index.tz_localize("UTC"))
    with pytest.raises(DataError, match="dates in UTC"):
        rc.test_claims(prices, **options, macro=zoned)
    with pytest.raises(DataError, match="ids of their own"):
        rc.test_claims(prices, **options, claims=[*rc.published_claims()[:1]] * 2)
    with pytest.raises(DataError, match="basis='prices'"):
        rc.PublishedClaim(id=1, statement="s", basis="prices", test="beta_above")
    with pytest.raises(DataError):
        rc.Event(name="e", date="no day")
