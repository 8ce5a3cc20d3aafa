"""Sampling of a Bayesian regime model: `sample_regimes`."""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, ModelError, warn_user
from regimecorr.models.base import Array, RandomState, check_count
from regimecorr.models.bayes.chains import ChainName, make_chain
from regimecorr.models.bayes.joint import JointMargins
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.priors import RegimePriors, check_priors
from regimecorr.models.bayes.result import BayesianSwitchingResult
from regimecorr.models.margins import MarginsResult
from regimecorr.models.switching.spec import SwitchingCorrelation
from regimecorr.progress import LateProgress

TARGET_ACCEPT: dict[ChainName, float] = {"recurrent": 0.95, "change_point": 0.9, "nesting": 0.97}


def sample_regimes(
    spec: SwitchingCorrelation,
    returns: pd.DataFrame | Array,
    *,
    chain: ChainName = "recurrent",
    priors: RegimePriors | None = None,
    margins: MarginsResult | None = None,
    joint_margins: bool = False,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float | None = None,
    rng: RandomState = 0,
    n_jobs: int = 1,
    progress: bool = True,
) -> BayesianSwitchingResult:
    """Sample the posterior of a regime model by NUTS, the regimes integrated out.

    Parameters
    ----------
    spec : SwitchingCorrelation
        Number of regimes, errors, first row (``"stationary"`` or ``"uniform"``) and margins.
    returns : DataFrame or ndarray of shape (n_obs, 2)
        Returns of the pair; standardized residuals when the specification has ``margins=None``.
    chain : {"recurrent", "change_point", "nesting"}, default "recurrent"
        Regimes that come back; segments that never do; or normal, transient low and a permanent
        new normal in one chain (three regimes, whatever ``spec.n_regimes`` says).
    priors : RegimePriors, optional
        Priors; default ``RegimePriors()``, meant for daily rows.
    margins : MarginsResult, optional
        Margins already fitted on these returns.
    joint_margins : bool, default False
        Sample the GARCH parameters with the regimes, so that the posterior holds the uncertainty of
        the margins; constant-mean GARCH(1,1) margins only. False: the standardized residuals of
        the fitted margins count as data.
    draws, tune, chains : int
        Draws kept and tuning steps of every chain, and the number of chains.
    target_accept : float, optional
        Acceptance rate that the step size is tuned to; larger takes smaller steps and leaves fewer
        divergences. Default 0.95 for recurrent regimes, 0.9 for change points, and 0.97 for the
        nesting chain, whose posterior has corners.
    rng : int, Generator or None
        Seed or generator. The draws do not depend on `n_jobs`.
    n_jobs : int, default 1
        Processes; chains run side by side. -1 for one per core.
    progress : bool, default True
        Show a bar on a terminal after two seconds.

    Returns
    -------
    BayesianSwitchingResult
        Information used: parameters and smoothed quantities the full sample, filtered ones the full
        sample through the parameters and rows to t through the filter.

    Raises
    ------
    ModelError
        If an option has no meaning or the returns cannot be used.

    Warns
    -----
    ConvergenceWarning
        If the chains did not converge.

    Notes
    -----
    The likelihood marginalises the regimes by the Hamilton filter, its gradient is the smoothed
    score (Fisher's identity). Unless ``joint_margins``, the margins are taken as given: the
    posterior of the correlations leaves out their uncertainty. Joint margins have the density of
    the returns, that of the residuals in the regime over the two volatilities: with t errors the
    margins are t too. nutpie samples if it is installed, else PyMC; the posterior is
    the same, the draws are not.

    Examples
    --------
    >>> import regimecorr as rc
    >>> from regimecorr.models.bayes import sample_regimes
    >>> world = rc.simulate("one_break", n_obs=500, rng=1)
    >>> spec = rc.SwitchingCorrelation(dist="normal", margins=None)
    >>> result = sample_regimes(spec, world.std_resid, chain="change_point", draws=400, tune=400)
    >>> bool(result.p_today().loc["segment2", "mean"] > 0.9)
    True
    """
    for name, value, least in (("draws", draws, 4), ("tune", tune, 1), ("chains", chains, 2)):
        check_count(name, value, least)
    if n_jobs == -1:
        n_jobs = os.cpu_count() or 1
    check_count("n_jobs", n_jobs)
    if not isinstance(spec, SwitchingCorrelation):
        raise ModelError(f"spec={spec!r} must be SwitchingCorrelation(...).")
    priors = RegimePriors() if priors is None else check_priors("priors", priors)
    structure = make_chain(chain, spec.n_regimes, spec.initial)
    accept = TARGET_ACCEPT[structure.name] if target_accept is None else target_accept
    if not 0.0 < accept < 1.0:
        raise ModelError(f"target_accept={target_accept!r} must lie between 0 and 1.")
    space = ParameterSpace(structure, priors, spec.dist)
    fitted, z = spec._residuals(returns, margins)
    if z.shape[1] != 2:
        raise ModelError(
            f"The Bayesian model takes two return series; got {z.shape[1]}: "
            f"{', '.join(fitted.names)}. Sample pair by pair."
        )
    if joint_margins:
        space = replace(space, margins=JointMargins.around(fitted))
    seed = int(np.random.default_rng(rng).integers(2**31 - 1))

    def run(other: ParameterSpace) -> BayesianSwitchingResult:
        settings = {
            "draws": draws,
            "tune": tune,
            "chains": chains,
            "cores": min(n_jobs, chains),
            "target_accept": accept,
            "random_seed": seed,
        }
        idata = _sample(other, z, settings, progress)
        return BayesianSwitchingResult(fitted, z, other, idata, again=run)

    result = run(space)
    if not result.converged:
        warn_user(result.message, ConvergenceWarning)
    return result


def _sample(space: ParameterSpace, z: Array, settings: dict[str, Any], progress: bool) -> Any:
    """Run NUTS; returns ArviZ data."""
    with quiet():
        import pymc as pm

        from regimecorr.models.bayes.graph import build_model

        model, _ = build_model(space, z)
        total = (settings["draws"] + settings["tune"]) * settings["chains"]
        nutpie = importlib.util.find_spec("nutpie") is not None
        if nutpie and pm.__version__.startswith("5."):  # which does not pass it on
            settings = settings | {"nuts_sampler_kwargs": {"cores": settings["cores"]}}
        with LateProgress("Sampling", total) as bar, model:
            callback: Callable[..., None] | None = None
            if progress and not nutpie:

                def callback(trace: Any, draw: Any) -> None:
                    bar.advance(f"chain {draw.chain + 1}")

            return pm.sample(
                **settings,
                callback=callback,
                nuts_sampler="nutpie" if nutpie else "pymc",
                # A dense mass matrix: where one regime is rare, average level and gap lie on a
                # ridge, and a diagonal one takes three times the steps.
                init="auto" if nutpie else "jitter+adapt_full",
                progressbar=False,
                compute_convergence_checks=False,
                quiet=True,
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings of PyMC and its libraries that mean nothing here from the user.

    PyTensor warns where it finds no BLAS, and no matrices are multiplied; ArviZ 0.x announces its
    successor when it is imported; short runs are warned about by PyMC and judged by us.
    """
    log = logging.getLogger("pymc")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="(?s).*BLAS")
            warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing")
            warnings.filterwarnings("ignore", message="QuadPotentialFullAdapt is an experimental")
            warnings.filterwarnings("ignore", category=UserWarning, module="pymc")
            yield
    finally:
        log.setLevel(level)
