"""The PyMC model: blocks with their priors, the chain's structure, the marginal likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from scipy.special import betaln

from regimecorr.models.base import Array
from regimecorr.models.bayes.chains import Recurrent
from regimecorr.models.bayes.distributions import (
    Beta,
    Dirichlet,
    Gamma,
    HalfNormal,
    Normal,
    Prior,
)
from regimecorr.models.bayes.joint import BLOCKS, NATURAL, JointMargins
from regimecorr.models.bayes.op import GarchResiduals, RegimeLikelihood
from regimecorr.models.bayes.parameters import ParameterSpace


def build_model(space: ParameterSpace, z: Array) -> tuple[Any, Any]:
    """State the model in PyMC.

    Parameters
    ----------
    space : ParameterSpace
        Chain, priors and errors.
    z : ndarray of shape (n_obs, 2)
        Standardized residuals; not used where the space has margins of its own.

    Returns
    -------
    model : pymc.Model
        Its variables are the blocks of the space; ``rho``, ``duration`` (expected rows) and
        ``nu`` are recorded beside them, and ``mu, omega, alpha, beta`` of joint margins.
    data : shared variable
        The residuals (returns, where the margins are sampled); ``data.set_value`` exchanges them
        without compiling again.
    """
    left = space.chain.left
    joint = space.margins
    coords = {"regime": space.chain.regimes, "left_regime": left}
    if joint is None:
        data = pytensor.shared(np.ascontiguousarray(z), name="residuals")
    else:
        data = pytensor.shared(joint.returns, name="returns")
        coords["asset"] = list(joint.names)
    with pm.Model(coords=coords) as model:
        values = _variables(space)
        rho, transition, start = space.chain.structure(values, pt)
        pm.Deterministic("rho", rho, dims="regime")
        staying = pt.diagonal(transition)[: len(left)]
        pm.Deterministic("duration", 1.0 / (1.0 - staying), dims="left_regime")
        nu: Any = np.inf
        if space.dist == "t":
            nu = pm.Deterministic("nu", 2.0 + values["nu_excess"])
        residuals: Any = data
        if joint is not None:
            residuals, log_volatility = GarchResiduals()(
                data, _margin_parameters(space, joint), joint.backcast
            )
            pm.Potential("volatility", -log_volatility)
        likelihood = RegimeLikelihood()(residuals, rho, transition, start, nu)[0]
        pm.Potential("log_likelihood", likelihood)
    return model, data


def _variables(space: ParameterSpace) -> dict[str, Any]:
    """Return the PyMC variable of every block."""
    blocks = {name: prior for name, prior in space.blocks.items() if name not in BLOCKS}
    own: dict[str, Any] = {}
    if isinstance(space.chain, Recurrent) and space.chain.n_regimes == 2:
        gap, leave = blocks.pop("gap"), blocks.pop("leave")
        assert isinstance(gap, HalfNormal)
        assert isinstance(leave, Beta)
        own = _two_unsorted(gap, leave)
    return {name: _variable(name, prior) for name, prior in blocks.items()} | own


def _two_unsorted(gap: HalfNormal, leave: Beta) -> dict[str, Any]:
    """Return gap and probabilities of leaving of two regimes that are sampled without an order.

    They are sorted afterwards. Where the data know one level only, the other lies above or below
    it; in coordinates of the gap's logarithm these two are far apart, with a signed gap they are
    one straight ridge.

    Exchanged regimes exchange their log odds of leaving relative to their own priors' means. So
    unequal durations make no step in the density at a gap of 0, where the likelihood does not
    depend on leaving: steps of the sampler would be rejected there whatever their size.
    """
    signed = pm.Normal("signed_gap", 0.0, gap.sd, shape=1)
    middle = Beta((leave.a[0],) * 2, (float(np.mean(leave.b)),) * 2)
    unsorted = _variable("unsorted_leave", middle)
    odds = pt.log(unsorted) - pt.log1p(-unsorted)
    own = pt.switch(signed < 0.0, odds[::-1], odds) + np.log(middle.b) - np.log(leave.b)
    density = _log_odds_density(leave, own) - _log_odds_density(middle, odds)
    pm.Potential("durations", density.sum())
    return {
        "gap": pm.Deterministic("gap", pt.abs(signed)),
        "leave": pm.Deterministic("leave", pt.sigmoid(own)),
    }


def _log_odds_density(prior: Beta, odds: Any) -> Any:
    """Log density of the log odds of Beta variables."""
    a, b = np.array(prior.a), np.array(prior.b)
    return -a * pt.softplus(-odds) - b * pt.softplus(odds) - betaln(a, b)


def _margin_parameters(space: ParameterSpace, joint: JointMargins) -> Any:
    """Return ``mu, omega, alpha, beta`` (4, 2) of joint margins.

    Sampled are unbounded coordinates around the fitted margins in units of about their errors:
    chains begin near them, and steps fit from the first one on.
    """
    unit = pm.Flat("margin_coordinates", shape=joint.centre.shape)
    values = {}
    for i, name in enumerate(BLOCKS):
        u = joint.centre[i] + joint.spread[i] * unit[i]
        prior = space.blocks[name]
        if isinstance(prior, Beta):
            values[name] = pt.sigmoid(u)
            density = _log_odds_density(prior, u)
        else:
            assert isinstance(prior, Normal)
            values[name] = u
            density = pm.logp(pm.Normal.dist(prior.mean, prior.sd), u)
        pm.Deterministic(name, values[name], dims="asset")
        pm.Potential(f"{name}_prior", density.sum())
    theta = joint.parameters(values, pt)
    for i, name in enumerate(NATURAL):
        pm.Deterministic(name, theta[i], dims="asset")
    return theta


def _variable(name: str, prior: Prior) -> Any:
    """Return the PyMC variable of a prior."""
    shape = prior.shape
    if isinstance(prior, Normal):
        return pm.Normal(name, prior.mean, prior.sd, shape=shape)
    if isinstance(prior, HalfNormal):
        return pm.HalfNormal(name, prior.sd, shape=shape)
    if isinstance(prior, Gamma):
        return pm.Gamma(name, prior.alpha, prior.rate, shape=shape)
    if isinstance(prior, Beta):
        return pm.Beta(name, np.array(prior.a), np.array(prior.b), shape=shape)
    if isinstance(prior, Dirichlet):
        return pm.Dirichlet(name, np.full(prior.size, prior.concentration), shape=shape)
    raise TypeError(f"{type(prior).__name__} has no PyMC variable.")
