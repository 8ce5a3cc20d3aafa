"""The pool of one pair at its last row: margins, members, futures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.evaluation.pool import Pool, run_pool
from regimecorr.evaluation.readings import Events
from regimecorr.models.margins import GARCH
from regimecorr.threads import one_blas_thread


def pool_of(
    returns: pd.DataFrame,
    events: Events,
    specs: Mapping[str, Any],
    priors: dict[str, float],
    *,
    n_paths: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
    done: Callable[[str], None] = lambda name: None,
) -> Pool:
    """Fit the margins and every member of the pool to a pair's returns, and simulate.

    Both legs are turned into a direction that does not depend on how they were quoted: the
    benchmark rises over the sample, the asset goes with it in the reference. Turning a leg upside
    down then leaves the very same numbers.
    """
    rise = -1.0 if returns.iloc[:, 1].sum() < 0 else 1.0
    flip = np.array([events.here.sign * rise, rise])
    oriented = returns * flip
    with one_blas_thread():
        margins = GARCH().fit(oriented)
    done("margins")
    return run_pool(
        oriented,
        margins,
        specs,
        priors,
        flip=flip,
        horizon=events.horizon,
        recent=events.short_window,
        n_paths=n_paths,
        chance=events.chance,
        rng=rng,
        n_jobs=n_jobs,
        done=done,
    )
