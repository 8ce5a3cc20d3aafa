"""Whether positioning at the start of a divergence goes with the leg that closes the gap."""

from __future__ import annotations

import pandas as pd

from regimecorr.episodes.pathways import PathwayResult
from regimecorr.episodes.positioning import POSITIONING
from regimecorr.errors import ModelError
from regimecorr.inference.association import Alternative, Association, test_association
from regimecorr.models.base import RandomState

_LED = {"asset-led": 1, "benchmark-led": 0}


def test_positioning(
    pathways: PathwayResult | pd.DataFrame,
    *,
    predictor: str = "gap_z",
    above: float | None = None,
    alternative: Alternative = "two-sided",
    alpha: float = 0.05,
    n_perm: int = 9999,
    rng: RandomState = 0,
) -> Association:
    """Test positioning at the start against who closed the gap.

    The outcome is 1 where the asset led the closing and 0 where the benchmark did; gaps that are
    open, or that were none, say nothing about it and are left out. With three closings of the one
    kind and two of the other the smallest p-value that an exact test can give is 0.10.

    The tests take the episodes as exchangeable. Episodes less than a horizon apart share rows in
    which both gaps close; begin them further apart (``refractory``) or read the p-values as too
    small. ``gap_z`` is special: its sign says which leg has to rise, so in a trending asset it goes
    with the outcome without any rule being followed.

    Parameters
    ----------
    pathways : PathwayResult or DataFrame
        From `episode_pathways`; or a frame, such as the ``closed`` of several pairs below one
        another, with ``pathway`` and the predictor as columns.
    predictor : str, default "gap_z"
        Column of ``positioning``; of a frame, any column, which must be known at the start.
    above : float, optional
        Dichotomise: 1 where the predictor is above this. "The asset is extended" is
        ``predictor="relative_trend", above=0.0``. Chosen after a look at the outcomes, it makes
        the p-values too small.
    alternative : {"two-sided", "greater", "less"}, default "two-sided"
        "greater": large values go with closings that the asset led.
    alpha : float, default 0.05
        Level of the tests.
    n_perm : int, default 9999
        Arrangements drawn where there are too many to enumerate.
    rng : int, Generator or None, default 0
        Seed or generator, for the draws only.

    Returns
    -------
    Association
        Fisher's exact test (of a predictor with two values), the permutation test and Firth's
        logistic regression, each with the smallest p-value it can give.

    Raises
    ------
    ModelError
        If the predictor is unknown, missing for a closed episode or constant among them, or all
        closings were led by one leg.

    Examples
    --------
    >>> import pandas as pd
    >>> import regimecorr as rc
    >>> led = ["asset-led"] * 3 + ["benchmark-led"] * 2 + ["open"]
    >>> frame = pd.DataFrame({"pathway": led, "relative_trend": [-0.3, -0.2, -0.1, 0.1, 0.2, 0.3]})
    >>> rule = rc.test_positioning(frame, predictor="relative_trend", above=0.0)
    >>> rule.table.loc["fisher", ["pvalue", "min_pvalue"]].round(3).tolist()
    [0.1, 0.1]
    """
    values, led = _closings(pathways, predictor)
    return test_association(
        led,
        values if above is None else values > above,
        alternative=alternative,
        alpha=alpha,
        n_perm=n_perm,
        rng=rng,
    )


test_positioning.__test__ = False  # type: ignore[attr-defined]


def _closings(
    pathways: PathwayResult | pd.DataFrame, predictor: str
) -> tuple[pd.Series, pd.Series]:
    """Predictor and outcome of the closed episodes."""
    if isinstance(pathways, PathwayResult):
        table, choices = pathways.closed, list(POSITIONING)
    else:
        table, choices = pathways, [str(name) for name in pathways.columns]
        if "pathway" not in choices:
            raise ModelError(f"The frame has no column 'pathway', only {', '.join(choices)}.")
    if predictor not in choices:
        raise ModelError(f"predictor={predictor!r} is unknown; use one of {', '.join(choices)}.")
    closed = table[table["pathway"].isin(list(_LED))]
    led = closed["pathway"].map(_LED).astype(int)
    if led.nunique() < 2:
        raise ModelError(
            f"{len(led)} gaps closed, {int(led.sum())} led by the asset: without closings of both "
            "kinds there is nothing that positioning could tell apart, and every p-value is 1."
        )
    values = closed[predictor]
    unknown = int(values.isna().sum())
    if unknown:
        raise ModelError(
            f"{predictor} is missing for {unknown} of {len(led)} closed episodes, which began too "
            "early in the data; leave them out, or use a predictor of fewer rows."
        )
    return values, led
