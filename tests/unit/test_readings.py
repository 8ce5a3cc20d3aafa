"""Readings of futures: the smoothed chance, aggregation, and the break model's doubted hazards."""

from __future__ import annotations

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.errors import ModelError, WindowError
from regimecorr.evaluation.readings import Events, sensitivity_table
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


class OneModel:
    """A pool of one model, its futures drawn before."""

    def __init__(self, futures):
        self.futures = futures

    def average(self, read):
        return float(read(self.futures))


def sums_by_hand(values, length, step):
    """Sums over rows, the last one first to be laid, by a plain loop."""
    ends = range(len(values), length - 1, -step)
    return np.array([values[end - length : end].sum(axis=0) for end in ends])[::-1]


def test_sensitivity_is_read_off_the_returns_and_the_futures(pair):
    """Windows, sums and the share of structural paths, each by plain loops."""
    rng = np.random.default_rng(1)
    rho = rng.uniform(-0.5, 0.9, (200, 1))
    shocks = rng.standard_normal((200, 252, 2))
    shocks[..., 1] = rho * shocks[..., 0] + np.sqrt(1.0 - rho**2) * shocks[..., 1]
    latent = np.repeat(rho, 252, axis=1)
    futures = Futures(0.01 * shocks, latent, rho[:, 0], np.arange(200))
    table = sensitivity_table(pair, "returns", OneModel(futures), 90, 252, 252)
    values = pair.returns.to_numpy()
    variants = {f"{w} rows": (w, 252, 1, 1) for w in (63, 90, 126)}
    variants |= {"3-day returns": (90, 252, 3, 1), "weekly returns": (18, 50, 5, 5)}
    assert list(table.index) == list(variants)
    for name, (short, long, length, step) in variants.items():
        series, row = sums_by_hand(values, length, step), table.loc[name]
        r_short = np.corrcoef(series[-short:].T)[0, 1]
        reference = np.corrcoef(series[-short - long : -short].T)[0, 1]
        assert row["r_short"] == pytest.approx(r_short, abs=1e-10), name
        assert row["reference"] == pytest.approx(reference, abs=1e-10), name
        sign = np.sign(reference)
        middle = (abs(reference) + min(sign * r_short, 0.0)) / 2.0
        # The second half of the year; no sum reaches behind it.
        fresh = [
            np.corrcoef(sums_by_hand(path[126:], length, step).T)[0, 1] for path in futures.returns
        ]
        share = np.mean(sign * np.array(fresh) < middle)
        assert row["state"] != "weak"
        assert 0.0 < share < 1.0
        assert row["p_raw"] == pytest.approx(share, abs=1e-12), name


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
