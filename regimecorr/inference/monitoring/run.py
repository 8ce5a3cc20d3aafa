"""`monitor`: watch a correlation from a day on."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import kolmogorov, ndtri, stdtrit

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.fluctuation import (
    fluctuation_path,
    prefix_correlations,
    sums_path,
)
from regimecorr.inference.constancy.inputs import DateLike, correlation, find_row, read_sample
from regimecorr.inference.known_dates import FEWEST_ROWS
from regimecorr.inference.monitoring.boundary import Detector, critical_value, weight
from regimecorr.inference.monitoring.detectors import (
    Sums,
    change_row,
    correlation_sums,
    page,
    score_sums,
)
from regimecorr.inference.monitoring.online import (
    TAILS,
    WINDOWS,
    Posterior,
    run_lengths,
    smallest_set,
)
from regimecorr.inference.monitoring.options import (
    Method,
    Options,
    make_options,
    rows_monitored,
)
from regimecorr.inference.monitoring.result import Monitor, label
from regimecorr.models.base import Array
from regimecorr.models.margins import (
    GARCH,
    MIN_ROWS,
    Margins,
    MarginsResult,
    check_returns,
    identity_margins,
)

_MARGINS = GARCH()
_DOUBTFUL = 0.05
_DETECTORS: dict[str, Detector] = {"cusum": "cusum", "page": "page"}


def monitor(
    returns: pd.DataFrame | Array,
    *,
    start: DateLike,
    method: Method = "page",
    margins: Margins | MarginsResult | None = _MARGINS,
    alpha: float | None = None,
    horizon: float | None = None,
    gamma: float | None = None,
    robust: bool | None = None,
    threshold: float | None = None,
    grace: int | None = None,
    expected_duration: float | None = None,
    level_mean: float | None = None,
    level_sd: float | None = None,
) -> Monitor:
    r"""Watch a correlation from a day on, and say when it has changed.

    Rows before ``start`` are the history: margins, level and scale are fitted to them once and held
    fixed. What is said of a row uses the history and the rows to it.

    "cusum" compares the rows since the start with the history (Wied and Galeano 2013). "page" takes
    the largest change of these sums since any row, which finds a change that comes long after the
    start sooner (Fremdt 2015). Both alarm within the period with probability ``alpha`` if nothing
    changes. "bayes" is the posterior of the row at which the current level began (Adams and MacKay
    2007); it answers with probabilities, and its alarm has no level. Measured rates of false
    alarms and delays stand in ``docs/theory/monitoring.md``.

    Parameters
    ----------
    returns : DataFrame or ndarray of shape (n_obs, 2)
        Returns, finite, at least 200 rows of them before ``start``; standardized residuals with
        ``margins=None``.
    start : date, str or int
        First monitored day (row label without dates).
    method : {"page", "cusum", "bayes"}, default "page"
        See above.
    margins : GARCH, mapping of asset to GARCH, MarginsResult or None, default GARCH()
        Margins to fit to the history, or fitted to it; None when the returns are standardized
        residuals.
    alpha : float, optional
        "cusum", "page": probability of an alarm within the period if nothing changes, .005 to
        .25; .05 by default.
    horizon : float, optional
        "cusum", "page": rows of the period, ``math.inf`` for one without end; as many as the
        history has by default. A longer period has a higher boundary. Later rows are left out:
        then choose a new start.
    gamma : float, optional
        "cusum", "page": exponent of the boundary, 0 to .45, by default .25. Larger values find
        changes soon after the start sooner, and later ones later.
    robust : bool, optional
        "cusum", "page": True, the default: sums of the score of the t distribution of the
        residuals. False: the textbook form, correlations of the returns themselves, which alarms
        twice as often as it says under fat tails.
    threshold : float, optional
        "bayes": the probability of a change since the start above which it alarms, by default
        .95.
    grace : int, optional
        "bayes": rows before the start at which the change may be dated, 0 to 100, by default 63. A
        date is known to some weeks only: without grace a change at the start itself is put just
        before it as often as after it, and not counted.
    expected_duration : float, optional
        "bayes": rows a level lasts on average, by default 1,008, at least 20; shorter ones find
        changes sooner and alarm more often.
    level_mean, level_sd : float, optional
        "bayes": a new level has artanh rho ~ N(level_mean, level_sd^2); by default 0 and .5.

    Returns
    -------
    Monitor

    Raises
    ------
    ModelError
        If the returns or an option cannot be used, or an option belongs to another method.
    DateColumnError
        If ``start`` cannot be read as a date.

    Warns
    -----
    ConvergenceWarning
        If a margin does not converge.

    Notes
    -----
    The level holds for one period with a start chosen beforehand. A start chosen because a chart
    looked odd has its alarm built in; so has the best of several starts.

    References
    ----------
    Adams, R. P. and MacKay, D. J. C. (2007). Bayesian online changepoint detection.
    arXiv:0710.3742.
    Fremdt, S. (2015). Page's sequential procedure for change-point detection in time series
    regression. Statistics 49, 128-155.
    Wied, D. and Galeano, P. (2013). Monitoring correlation change in a sequence of random
    variables. Journal of Statistical Planning and Inference 143, 186-196.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("one_break", n_obs=900, rng=1)
    >>> watch = rc.monitor(world.returns, start=world.returns.index[500])
    >>> bool(world.correlation.loc[watch.alarm] < 0.1)
    True
    """
    given = {
        "alpha": alpha,
        "horizon": horizon,
        "gamma": gamma,
        "robust": robust,
        "threshold": threshold,
        "grace": grace,
        "expected_duration": expected_duration,
        "level_mean": level_mean,
        "level_sd": level_sd,
    }
    options = make_options(method, given)
    frame = check_returns(returns)
    if frame.shape[1] != 2:
        names = ", ".join(str(name) for name in frame.columns)
        raise ModelError(f"Two return series are monitored; got {frame.shape[1]}: {names}.")
    m = _history(frame.index, start)
    rows_monitored(options.horizon, m)
    history = frame.iloc[:m]
    sample = read_sample(history, margins, raw=not options.robust, pair=True)
    fitted = identity_margins(history) if sample.margins is None else sample.margins
    return _watch(m, options, tuple(sample.notes()), fitted.append(frame.iloc[m:]))


def _history(index: pd.Index, start: DateLike) -> int:
    """Rows before the start."""
    m, n = find_row(index, start, "start"), len(index)
    if m < MIN_ROWS:
        raise ModelError(
            f"start={start!r} leaves {max(m, 0)} rows of history; at least {MIN_ROWS} are needed. "
            "Choose a later start, or pass a longer history."
        )
    if m >= n:
        raise ModelError(
            f"start={start!r} lies after the last row, {index[-1]}: there is nothing to monitor "
            "yet. Choose a start within the sample."
        )
    return m


def _watch(m: int, options: Options, notes: tuple[str, ...], margins: MarginsResult) -> Monitor:
    """Run the detector on the residuals of margins of the history, applied to all rows."""
    z = np.ascontiguousarray(margins.z)
    index = margins.returns.index
    watched = _bayes if options.method == "bayes" else _sums
    found, own_notes = watched(z, m, options, index)
    return Monitor(
        method=options.method,
        start=index[m],
        n_history=m,
        robust=options.robust,
        names=margins.names,
        notes=(*notes, *own_notes),
        margins=margins if options.robust else None,
        _again=partial(_update, m, options, notes, margins),
        **found,
    )


def _update(
    m: int,
    options: Options,
    notes: tuple[str, ...],
    margins: MarginsResult,
    returns: pd.DataFrame | Array,
) -> Monitor:
    return _watch(m, options, notes, margins.append(returns))


def _sums(z: Array, m: int, options: Options, index: pd.Index) -> tuple[dict[str, Any], list[str]]:
    """Run the detector of the sums."""
    horizon = rows_monitored(options.horizon, m)
    kept = int(min(horizon, len(z) - m))
    z = z[: m + kept]
    sums = (score_sums if options.robust else correlation_sums)(z, m)
    detector = page(sums.path) if options.method == "page" else np.abs(sums.path)
    critical = critical_value(_DETECTORS[options.method], options.gamma, horizon / m, options.alpha)
    factor = _studentised(m, options.alpha) if options.robust else 1.0
    boundary = critical * factor * weight(np.arange(1, kept + 1) / m, options.gamma)
    since = prefix_correlations(z[m:])
    since[: FEWEST_ROWS - 1] = np.nan
    path = pd.DataFrame(
        {
            "detector": detector,
            "boundary": boundary,
            "correlation": since,
            "before": correlation(z[:m]),
        },
        index=index[m : m + kept],
    )
    figures = {"critical value": critical, "factor": factor, "gamma": options.gamma, "D": sums.sd}
    if options.robust:
        figures["nu"] = sums.nu
    row = _first(detector > boundary)
    began = None if row is None else change_row(sums, z, m, row)
    found = {
        "path": path,
        "alpha": options.alpha,
        "threshold": None,
        "horizon": horizon,
        "settings": pd.Series(figures),
        **_alarm(z, m, row, began, index),
    }
    notes = _history_notes(sums, z, m)
    if len(index) > m + kept:
        notes.append(
            f"the period ended at {label(index[m + kept - 1])}; {len(index) - m - kept} later rows "
            "are left out: choose a new start, or a longer horizon beforehand"
        )
    return found, notes


def _studentised(m: int, alpha: float) -> float:
    """Factor of the boundary for a standard deviation that is estimated from m rows.

    A Bartlett estimate with bandwidth b has about 1.5 m / b degrees of freedom, and is too small by
    the share b / m for its mean. The tail of the supremum of a Brownian motion is four times that
    of the normal law; the factor is that of a t quantile there.
    """
    b = int(np.log(m))
    tail = 1.0 - 0.25 * alpha
    return float(stdtrit(1.5 * m / b, tail) / ndtri(tail) / np.sqrt(1.0 - b / m))


def _history_notes(sums: Sums, z: Array, m: int) -> list[str]:
    """What speaks against a constant correlation of the history."""
    own = fluctuation_path(z[:m]) if sums.scores is None else sums_path(sums.scores[:m])
    pvalue = float(kolmogorov(np.abs(own).max()))
    if pvalue >= _DOUBTFUL:
        return []
    in_words = "below 0.001" if pvalue < 0.001 else f"{pvalue:.3f}"
    return [
        f"the history itself does not look constant (fluctuation test, p {in_words}): the level "
        "does not hold; begin the sample after the last change before the start"
    ]


def _bayes(z: Array, m: int, options: Options, index: pd.Index) -> tuple[dict[str, Any], list[str]]:
    """Run the run-length filter."""
    posterior = run_lengths(z, m, options)
    path = pd.DataFrame(
        {
            "changed": posterior.changed,
            "correlation": posterior.mean,
            "before": posterior.level,
            "below": posterior.below,
            **{f"within_{rows}": posterior.within[:, i] for i, rows in enumerate(WINDOWS)},
        },
        index=index[m:],
    )
    for i, name in enumerate(("change", "change_low", "change_high")):
        path[name] = index[posterior.began[:, i]]
    row = _first(posterior.changed > options.threshold)
    began = None if row is None else int(posterior.change[row]) - m
    figures = {
        "grace": options.grace,
        "hazard": 1.0 / options.expected_duration,
        "level_mean": options.level_mean,
        "level_sd": options.level_sd,
        "nu": posterior.nu,
        "log evidence": posterior.evidence,
    }
    found = {
        "path": path,
        "alpha": None,
        "threshold": options.threshold,
        "horizon": np.inf,
        "settings": pd.Series(figures),
        "dates": _dates(posterior, index),
        **_alarm(z, m, row, began, index),
    }
    return found, ["a threshold of a probability is no false-alarm rate"]


def _dates(posterior: Posterior, index: pd.Index) -> pd.DataFrame:
    inside = smallest_set(posterior.probability, TAILS[1] - TAILS[0])
    columns = {"probability": posterior.probability, "in_set": inside}
    return pd.DataFrame(columns, index=index[posterior.rows])


def _first(alarms: npt.NDArray[np.bool_]) -> int | None:
    rows = np.flatnonzero(alarms)
    return int(rows[0]) if rows.size else None


def _alarm(z: Array, m: int, row: int | None, began: int | None, index: pd.Index) -> dict[str, Any]:
    """Alarm, estimated change, delay and the correlation between them."""
    if row is None or began is None:
        return {"alarm": None, "change": None, "delay": None, "after": np.nan}
    delay = row - began + 1
    rows = z[m + began : m + row + 1]
    return {
        "alarm": index[m + row],
        "change": index[m + began],
        "delay": delay,
        "after": correlation(rows) if delay >= FEWEST_ROWS else np.nan,
    }
