"""Readings of futures: the smoothed chance, aggregation, and the break model's doubted hazards."""

from __future__ import annotations

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.errors import ModelError, WindowError
from regimecorr.evaluation.readings import Events
from regimecorr.events import situation
from regimecorr.models.base import Futures

FIELDS = ("returns", "correlation", "recent", "draw")


@pytest.fixture(scope="module")
def pair():
    return align(rc.simulate("recurrent", n_obs=1500, rng=3).prices)


@pytest.mark.parametrize("name", ["BreakCorrelation", "DriftingCorrelation", "DCC"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_chance_has_the_mean_of_the_event_and_less_scatter(pair, name, sign):
    returns = pair.returns * [sign, 1.0]
    fit = getattr(rc, name)().fit(returns)
    futures = fit.simulate(4000, 252, 1)
    events = Events(pair, "returns", situation(returns.to_numpy(), 90, 252), 90, 252)
    hits, chance = events.structural(futures), events.chance(futures)
    assert chance.min() >= 0
    assert chance.max() <= 1
    # DCC's latent path feeds on the shocks, so its sampling error is not independent of it.
    assert chance.mean() == pytest.approx(hits.mean(), abs=0.05 if name == "DCC" else 0.015)
    assert chance.var() < 0.95 * hits.var()


def test_chance_reads_the_sampling_error_the_right_way_round(pair):
    """One latent correlation, so every path's chance is the share of the event itself."""
    resid = pair.returns / pair.returns.std()
    result = rc.ConstantCorrelation(margins=None).filter(resid, {"rho": 0.25, "nu": 5.0})
    here = situation(pair.returns.to_numpy(), 90, 252)
    events = Events(pair, "returns", here, 90, 252)
    everything = result.simulate(4000, 252, 1)
    # Far from symmetric errors: paths on the far side of the midpoint are thinned out.
    hits = events.structural(everything)
    kept = np.flatnonzero(~hits | (np.arange(hits.size) % 10 == 0))
    thinned = Futures(*(getattr(everything, f)[kept] for f in FIELDS))
    share = events.structural(thinned).mean()
    assert 0.01 < share < 0.5
    np.testing.assert_allclose(events.chance(thinned), share, atol=1e-12)


def test_equal_hazards_leave_the_rest_of_the_posterior(pair):
    fit = rc.BreakCorrelation().fit(pair.returns)
    doubtful = fit.with_equal_hazards()
    hazards = fit.settings["hazard"].to_numpy()
    for h in np.unique(hazards):
        mine = hazards == h
        assert doubtful._posterior[mine].sum() == pytest.approx(1 / 6)
        np.testing.assert_allclose(
            doubtful._posterior[mine] * 6, fit._posterior[mine] / fit._posterior[mine].sum()
        )
    assert fit._posterior.sum() == pytest.approx(1.0), "the original is left alone"


def test_a_horizon_too_short_for_a_fresh_window_is_refused(pair):
    with pytest.raises(WindowError, match=r"horizon=39 .* at least 40"):
        rc.assess(pair.prices, horizon=39, calibration=None)


def test_margins_of_other_returns_are_refused(pair):
    margins = rc.GARCH().fit(pair.returns)
    with pytest.raises(ModelError, match="belong to other returns"):
        rc.DCC().fit(pair.returns * 5, margins=margins)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda z: rc.DCC(margins=None).filter(z, {"a": 0.1, "b": 0.8}, target=2.0), "target=2.0"),
        (lambda z: rc.ConstantCorrelation(margins=None).filter(z, {"rho": 1.0, "nu": 5}), "rho"),
        (lambda z: rc.ConstantCorrelation(margins=None).filter(z, {"rho": 0.1, "nu": 2}), "nu"),
        (
            lambda z: rc.SwitchingCorrelation(margins=None).filter(
                z,
                {"rho_low": 0, "rho_high": 0.5, "p_low": 0.9, "p_high": 0.9, "nu": 5},
                transition=np.array([[1.2, -0.2], [0.1, 0.9]]),
            ),
            "probabilities",
        ),
        (
            lambda z: rc.SwitchingCorrelation(margins=None).filter(
                z,
                {"rho_low": 0, "rho_high": 0.5, "p_low": 0.9, "p_high": 0.9, "nu": 5},
                transition=np.array([[0.8, 0.2], [0.1, 0.9]]),
            ),
            "diagonal",
        ),
        (lambda z: rc.ConstantCorrelation(margins=None).fit(z).simulate(10.5, 20), "n_paths=10.5"),
        (lambda z: rc.DriftingCorrelation(annual_sd=0.2), "sequence"),
        (lambda z: rc.SwitchingCorrelation(n_regimes=2.5), "n_regimes=2.5"),
    ],
)
def test_given_parameters_and_options_are_checked(pair, call, text):
    z = pair.returns / pair.returns.std()
    with pytest.raises(ModelError, match=text):
        call(z)
