"""`assess(method="bayes")`: posteriors in the pool, chains that do not agree refused."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.errors import ModelError, SamplingError, UncalibratedWarning
from regimecorr.evaluation import pool as pool_module
from regimecorr.evaluation.pool import Member, Pool
from regimecorr.evaluation.pooling import BAYES_FAMILIES, member_priors
from regimecorr.evaluation.posteriors import Sampled, bayes_specs
from regimecorr.evaluation.tables import regime_table
from regimecorr.models.bayes import diagnostics

FEWER = {
    "switching": Sampled("recurrent", 2, 400, 2),
    "change_point": Sampled("change_point", 2, 400, 2),
    "nesting": Sampled("nesting", 3, 600, 2),
}


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("one_break", n_obs=700, rng=3).prices


@pytest.fixture(scope="module")
def verdict(prices):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_module, "bayes_specs", lambda n_jobs: bayes_specs(n_jobs) | FEWER)
        # Chains are judged mildly, to be quick; the test of their refusal holds the real limits.
        patch.setattr(diagnostics, "MIN_ESS", 60.0)
        patch.setattr(diagnostics, "MAX_RHAT", 1.1)
        return rc.assess(prices, calibration=None, method="bayes", n_paths=800)


def test_members_and_weights(verdict):
    members = [name for names in BAYES_FAMILIES.values() for name in names]
    table = verdict.models.loc[members]
    assert set(bayes_specs(1)) == set(members)
    assert table["converged"].all()
    assert (table["reason"] == "").all()
    prior = member_priors(None, BAYES_FAMILIES)
    raw = np.array([prior[m] for m in members]) * np.exp(table["score"] - table["score"].max())
    np.testing.assert_allclose(table["weight"], raw / raw.sum(), rtol=1e-9)
    mean = float(table["weight"] @ table["p_structural"])
    assert verdict.p_structural == pytest.approx(mean, abs=1e-12)
    assert verdict.p_structural + verdict.p_transient == pytest.approx(1.0)
    low, high = verdict.interval
    assert low <= verdict.p_structural <= high


def test_scores_are_marginal_likelihoods_of_one_kind(verdict):
    """Grid and sampled members explain the same residuals; one break is no news to most."""
    scores = verdict.models["score"].dropna()
    assert scores.max() - scores.min() < 60.0
    assert scores["constant"] < scores[["break", "change_point", "switching"]].min()


def test_posteriors_are_on_the_verdict(verdict):
    assert set(verdict.idata) == {"switching", "change_point", "nesting"}
    draws = verdict.idata["switching"].posterior["rho"].to_numpy()
    assert draws.shape == (4, 400, 2)
    mean = verdict.regimes["correlation"].to_numpy()
    np.testing.assert_allclose(mean, draws.mean(axis=(0, 1)), atol=1e-9)
    assert (verdict.regimes["correlation_low"] <= mean).all()
    assert (mean <= verdict.regimes["correlation_high"]).all()
    assert verdict.regimes["p_today"].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_posteriors_chance_of_staying_is_an_average(sign):
    """Over draws that disagree on the durations: at their mean it would be far too small."""
    rho, today = np.array([0.1, 0.6]), np.array([0.3, 0.7])
    stays = np.array([[0.9, 0.999], [0.99, 0.95]])
    fit = SimpleNamespace(
        idata="draws",
        regime_figures=lambda n, rng: (
            (rho, today, stays.mean(axis=0)),
            [(rho, today, stay) for stay in stays],
        ),
    )
    pool = Pool({"switching": Member("switching", fit=fit, futures=object())}, {"switching": 1.0})
    table = regime_table(pool, sign, np.random.default_rng(0))
    expected = (stays**252).mean(axis=0)[::sign]
    np.testing.assert_allclose(table["p_stay_252"], expected)
    assert (expected[::sign] > stays.mean(axis=0) ** 252).all()


def test_nesting_chain_answers(verdict):
    note = verdict.models.loc["nesting", "note"]
    assert "transient low" in note
    assert "new normal" in note
    assert "R-hat at most" in note
    assert note in " ".join(verdict.summary().split())


def test_report_and_dictionary(verdict, tmp_path):
    data = verdict.to_dict()
    assert "idata" not in data
    assert data["settings"]["method"] == "bayes"
    json.dumps(data)
    assert "dcc" in verdict.correlation  # there is no DCC among the posteriors
    assert verdict.correlation["dcc"].isna().all()
    verdict.plot().savefig(tmp_path / "verdict.png")
    verdict.to_html(tmp_path / "verdict.html")


def test_chains_that_do_not_agree_are_refused(prices, monkeypatch):
    short = {"switching": Sampled("recurrent", 2, 20, 1)}
    monkeypatch.setattr(pool_module, "bayes_specs", lambda n_jobs: bayes_specs(n_jobs) | short)
    with (
        pytest.warns(UncalibratedWarning, match="never calibrated"),
        pytest.raises(
            SamplingError, match=r"recurrent chain.*(R-hat|ESS).*60 draws.*method='pool'"
        ),
    ):
        rc.assess(prices, method="bayes", n_paths=400)


def test_options(prices):
    with pytest.raises(ModelError, match="use 'pool' or 'bayes'"):
        rc.assess(prices, method="vote")
    with pytest.raises(ModelError, match="nesting"):
        rc.assess(prices, method="pool", family_prior={"nesting": 1.0})
    with pytest.raises(ModelError, match="family_prior"):
        rc.assess(prices, method="bayes", family_prior={"dcc": 1.0})


def test_members_without_a_prior_are_not_sampled(prices):
    family_prior = {"constant": 1.0, "drift": 1.0}
    verdict = rc.assess(
        prices, calibration=None, method="bayes", n_paths=400, family_prior=family_prior
    )
    assert verdict.idata == {}
    rows = verdict.models.loc[["switching", "change_point", "nesting"]]
    assert (rows["reason"] == "not sampled: its prior is 0").all()
    assert (rows["weight"] == 0.0).all()
    assert "FAILED" not in verdict.summary()
    assert verdict.regimes.empty
