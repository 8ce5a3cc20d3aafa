"""`find_breaks`: how often a correlation changed, when, and between which levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pandas as pd
from scipy.special import kolmogi, stdtrit

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.inputs import (
    Sample,
    check_sides,
    correlation,
    read_sample,
)
from regimecorr.inference.constancy.known import without_bias
from regimecorr.inference.constancy.products import against
from regimecorr.inference.constancy.result import LEVELS, ConstancyTest, by_level
from regimecorr.inference.known_dates import FEWEST_ROWS
from regimecorr.inference.segmentation.influence import tail_index
from regimecorr.inference.segmentation.result import Breaks, label
from regimecorr.inference.segmentation.search import Segmentation, segment
from regimecorr.inference.segmentation.spans import Search, SpanMethod, SpanTest, SpanTester
from regimecorr.kernels.constancy import bartlett_variance, delete_one
from regimecorr.models.base import Array, RandomState, check_count
from regimecorr.models.margins import GARCH, Margins, MarginsResult

_MARGINS = GARCH()
_HINDSIGHT = "dates are read off the whole sample: not for trading"
_SELECTED = (
    "correlations on either side of a break that was searched for differ by a little more than "
    "the true ones"
)
_DROPPED = (
    "the search found a break that is none between its neighbours, so it was dropped: see steps"
)


def find_breaks(
    returns: pd.DataFrame | Array,
    *,
    method: SpanMethod = "sup_lm",
    search: Search = "binary",
    margins: Margins | MarginsResult | None = _MARGINS,
    alpha: float = 0.05,
    min_rows: int = 60,
    ci_prob: float = 0.90,
    robust: bool = True,
    n_boot: int = 999,
    rng: RandomState = 0,
) -> Breaks:
    r"""Find the breaks of a correlation: how many, when, between which levels.

    Binary segmentation of Galeano and Wied (2014): the span is tested for one break; if the test
    rejects, the span is split at the most likely date and both parts are tested in turn. At the
    end every break is tested and dated anew between its neighbours, until nothing changes.
    ``method="fluctuation", robust=False`` is their statistic; the defaults find more breaks and
    date them better, above all in fat tails and near the ends (``docs/theory/breaks.md``).

    Parameters
    ----------
    returns : DataFrame or ndarray of shape (n_obs, 2)
        Returns, at least 200 rows, finite; standardized residuals with ``margins=None``.
    method : {"sup_lm", "fluctuation"}, default "sup_lm"
        Test of a span. "sup_lm": the largest Lagrange-multiplier statistic over the dates, its law
        by permutation of the rows; sees breaks anywhere. "fluctuation": the sums of Wied, Krämer
        and Dehling (2012), Kolmogorov's law; a little better in the middle of a span, blind near
        its ends.
    search : {"binary", "seeded"}, default "binary"
        Where the search looks for the next break. "binary": in whole spans. "seeded": in a fixed
        set of intervals of every span too, of ``2 * min_rows`` rows and more (Kovács et al. 2023),
        by the law of the largest statistic over all of them; finds changes that pass, which hide
        one break behind the other, and misses more small changes that last. With "sup_lm".
    margins : GARCH, mapping of asset to GARCH, MarginsResult or None, default GARCH()
        Margins to fit, or fitted on these returns; None when the returns are standardized
        residuals.
    alpha : float, default 0.05
        Probability of finding a break where there is none, .001 to .5. With k breaks found, the k +
        1 segments are tested at the level at which all together have level ``alpha``, .0253 for
        two at 5 %. Smaller values find fewer breaks.
    min_rows : int, default 60
        Fewest rows of a segment, at least 30 and at most half the sample. Sixty rows, a quarter of
        trading, know a correlation of .5 to about .1 under normal tails; shorter segments are hard
        to tell from noise.
    ci_prob : float, default 0.90
        Mass of the intervals of dates and correlations, in (0, 1).
    robust : bool, default True
        Weigh large rows down as the likelihood of a bivariate t does, with its tails estimated.
        False: every row weighs the same, as in Pearson's correlation.
    n_boot : int, default 999
        Permutations of "sup_lm", at least ``10 / alpha - 1``.
    rng : int, Generator or None, default 0
        Seed or generator of the permutations.

    Returns
    -------
    Breaks

    Raises
    ------
    ModelError
        If the returns or an option cannot be used, or if in a segment a leg does not move or both
        are the same up to scale.

    Warns
    -----
    ConvergenceWarning
        If a margin does not converge.

    Notes
    -----
    The whole sample is used: no date found is for trading. Where the correlation drifts or
    switches often, a few breaks stand in for what is not a step.

    The interval of a date holds the rows whose statistic is nearly the largest; by how much it may
    fall short follows from the law of the largest rise of a Brownian motion with drift on either
    side of a break (Bai 1997), long-run variances estimated on each, inverted as by Eo and Morley
    (2015).

    References
    ----------
    Bai, J. (1997). Estimation of a change point in multiple regression models. Review of Economics
    and Statistics 79, 551-563.
    Eo, Y. and Morley, J. (2015). Likelihood-ratio-based confidence sets for the timing of
    structural breaks. Quantitative Economics 6, 463-497.
    Galeano, P. and Wied, D. (2014). Multiple break detection in the correlation structure of random
    variables. Computational Statistics & Data Analysis 76, 262-282.
    Kovács, S., Bühlmann, P., Li, H. and Munk, A. (2023). Seeded binary segmentation: a general
    methodology for fast and optimal changepoint detection. Biometrika 110, 249-256.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("one_break", n_obs=1000, rng=1)
    >>> found = rc.find_breaks(world.returns)
    >>> len(found.breaks), len(found.segments)
    (1, 2)
    >>> true = world.returns.index[world.parameters["row"]]
    >>> bool(found.breaks["lower"][0] <= true <= found.breaks["upper"][0])
    True
    """
    _check(method, search, alpha, ci_prob, robust, n_boot)
    sample = read_sample(returns, margins, raw=False, pair=False)
    n = sample.n_obs
    if len(sample.names) != 2:
        raise ModelError(
            f"find_breaks takes two return series; got {len(sample.names)}: "
            f"{', '.join(sample.names)}. Pass two columns at a time."
        )
    check_count("min_rows", min_rows, FEWEST_ROWS)
    if min_rows > n // 2:
        raise ModelError(f"min_rows={min_rows} is too many for {n} rows; use at most {n // 2}.")
    tester = SpanTester(
        z=sample.z,
        method=method,
        nu=tail_index(sample.z) if robust else np.inf,
        min_rows=min_rows,
        n_boot=n_boot,
        rng=np.random.default_rng(rng),
    )

    scanner = replace(tester, seeded=True) if search == "seeded" else tester

    def checked(run: SpanTester) -> Callable[[int, int], SpanTest]:
        def test(start: int, stop: int) -> SpanTest:
            _check_span(sample, sample.z, start, stop)
            return run(start, stop)

        return test

    found = segment(n, checked(tester), min_rows, alpha, checked(scanner))
    segments = _segments(sample, found.rows, ci_prob)
    lengths = segments["rows"].to_numpy()
    return Breaks(
        breaks=_breaks(sample, found, segments["correlation"].to_numpy(), ci_prob),
        segments=segments,
        correlation=pd.Series(
            np.repeat(segments["correlation"].to_numpy(), lengths),
            index=sample.returns.index,
            name="correlation",
        ),
        test=_whole(sample, scanner(0, n), scanner, robust),
        steps=_steps(sample, found),
        method=method,
        search=search,
        robust=robust,
        nu=tester.nu,
        alpha=alpha,
        ci_prob=ci_prob,
        names=sample.names,
        n_obs=n,
        notes=tuple(_notes(sample, found)),
    )


def _check(
    method: SpanMethod, search: Search, alpha: float, ci_prob: float, robust: bool, n_boot: int
) -> None:
    if method not in get_args(SpanMethod):
        raise ModelError(
            f"method={method!r} is unknown; use one of {', '.join(get_args(SpanMethod))}."
        )
    if search not in get_args(Search):
        raise ModelError(f"search={search!r} is unknown; use one of {', '.join(get_args(Search))}.")
    if search == "seeded" and method != "sup_lm":
        raise ModelError(f"search='seeded' goes with method='sup_lm' only; got method={method!r}.")
    if not isinstance(robust, bool):
        raise ModelError(f"robust={robust!r} must be True or False.")
    if not 0.001 <= alpha <= 0.5:
        raise ModelError(f"alpha={alpha} must lie between 0.001 and 0.5.")
    if not 0.0 < ci_prob < 1.0:
        raise ModelError(f"ci_prob={ci_prob} must lie between 0 and 1.")
    # P-values must get below the level of a tenth break.
    check_count("n_boot", n_boot, int(np.ceil(10.0 / alpha - 1e-9)) - 1)


def _check_span(sample: Sample, values: Array, start: int, stop: int) -> None:
    """Raise `ModelError` if the rows from ``start`` to before ``stop`` have no correlation."""
    where = f"rows from {label(sample.date(start))} to {label(sample.date(stop - 1))}"
    check_sides({where: values[start:stop]}, sample.names, distinct=True)


def _notes(sample: Sample, found: Segmentation) -> list[str]:
    notes = [*sample.notes(), _HINDSIGHT]
    if found.rows:
        notes.append(_SELECTED)
    elif found.steps[0].kept:
        notes.append(_DROPPED)
    if not found.settled:
        notes.append(
            "the dates did not settle: dating one break moves another and back; read the intervals"
        )
    return notes


def _breaks(
    sample: Sample, found: Segmentation, correlations: Array, ci_prob: float
) -> pd.DataFrame:
    """Table of the breaks."""
    columns = ["date", "row", "lower", "upper", "statistic", "pvalue", "before", "after"]
    out = []
    for i, (row, test) in enumerate(zip(found.rows, found.tests, strict=True)):
        low, high = test.interval(ci_prob)
        # Dates that did not settle may lie a little beside the best one.
        bounds = min(low, row), max(high, row)
        out.append(
            [
                sample.date(row),
                row,
                *(sample.date(bound) for bound in bounds),
                test.statistic,
                test.pvalue,
                correlations[i],
                correlations[i + 1],
            ]
        )
    return pd.DataFrame(out, columns=columns)


def _segments(sample: Sample, rows: list[int], ci_prob: float) -> pd.DataFrame:
    """Table of the segments."""
    out = []
    raw = sample.returns.to_numpy(dtype=float)
    bounds = [0, *rows, sample.n_obs]
    for start, stop in pairwise(bounds):
        for values in (sample.z, raw):
            _check_span(sample, values, start, stop)
        figures = [
            figure
            for values in (sample.z, raw)
            for figure in correlation_interval(values[start:stop], ci_prob)
        ]
        out.append([sample.date(start), sample.date(stop - 1), stop - start, *figures])
    names = [f"{name}{end}" for name in ("correlation", "raw") for end in ("", "_low", "_high")]
    return pd.DataFrame(out, columns=["first", "last", "rows", *names])


def correlation_interval(values: Array, ci_prob: float) -> tuple[float, float, float]:
    """Correlation of a sample (n, 2) and the bounds of its interval.

    On the scale of Fisher's z: long-run variance of the delete-one values, as at a known date.
    """
    n = len(values)
    x, y = np.ascontiguousarray(values.T)
    r, influences = delete_one(x, y)
    variance, df = without_bias(bartlett_variance(influences, int(np.log(n))) / n, n)
    half = float(stdtrit(df, 0.5 + 0.5 * ci_prob) * np.sqrt(variance))
    z = np.arctanh(r)
    return float(r), float(np.tanh(z - half)), float(np.tanh(z + half))


def _whole(sample: Sample, test: SpanTest, tester: SpanTester, robust: bool) -> ConstancyTest:
    """The test of the whole sample, as a test of constancy."""
    if test.replicates.size:
        _, _, critical = against(test.replicates, test.statistic)
        law = f"{test.replicates.size} permutations of the rows"
    else:
        critical, law = by_level(kolmogi(np.array(LEVELS))), "Kolmogorov"
    first = test.first - 1
    times = "in some interval" if tester.seeded else "once"
    before, after = (correlation(part) for part in np.split(sample.z, [test.row]))
    return ConstancyTest(
        method=tester.method,
        statistic=test.statistic,
        pvalue=test.pvalue,
        null=sample.null,
        alternative=f"it changes {times}, at an unknown date",
        distribution=law,
        critical_values=critical,
        robust=robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series({"before": before, "after": after, "row": float(test.row)}),
        dates=(sample.date(test.row),),
        notes=tuple(sample.notes()),
        path=pd.Series(
            test.path,
            index=sample.returns.index[first : first + len(test.path)],
            name="statistic",
        ),
    )


def _steps(sample: Sample, found: Segmentation) -> pd.DataFrame:
    """Table of the decisions."""
    columns = ["stage", "start", "stop", "row", "date", "statistic", "pvalue", "level", "kept"]
    out = [
        [
            step.stage,
            step.test.start,
            step.test.stop,
            step.test.row,
            sample.date(step.test.row),
            step.test.statistic,
            step.test.pvalue,
            step.level,
            step.kept,
        ]
        for step in found.steps
    ]
    return pd.DataFrame(out, columns=columns)
