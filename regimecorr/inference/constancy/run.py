"""`test_constancy`: one door for all tests of a constant correlation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.inputs import DateLike, Sample, read_sample
from regimecorr.inference.constancy.known import forbes_rigobon, known_date
from regimecorr.inference.constancy.options import Options, check_method, make_options
from regimecorr.inference.constancy.paths import cusum_bootstrap, fluctuation, spearman
from regimecorr.inference.constancy.products import bera_kim, engle_sheppard
from regimecorr.inference.constancy.result import ConstancyTest, Method
from regimecorr.inference.constancy.score import tse
from regimecorr.inference.constancy.supremum import sup_test
from regimecorr.models.base import Array, RandomState
from regimecorr.models.margins import GARCH, Margins, MarginsResult

_MARGINS = GARCH()
_TESTS: dict[str, Callable[[Sample, Options], ConstancyTest]] = {
    "engle_sheppard": engle_sheppard,
    "tse": tse,
    "bera_kim": bera_kim,
    "fluctuation": fluctuation,
    "spearman": spearman,
    "sup_lm": partial(sup_test, lm=True),
    "sup_wald": partial(sup_test, lm=False),
    "cusum_bootstrap": cusum_bootstrap,
    "known_date": known_date,
}
#: Published for the returns themselves.
_RAW = ("fluctuation", "spearman", "cusum_bootstrap")
_ANY_NUMBER = ("engle_sheppard", "tse")


def test_constancy(
    returns: pd.DataFrame | Array,
    *,
    method: Method = "fluctuation",
    margins: Margins | MarginsResult | None = _MARGINS,
    robust: bool = True,
    lags: int | None = None,
    trim: float | None = None,
    date: DateLike | None = None,
    n_boot: int = 499,
    block_length: int | None = None,
    rng: RandomState = 0,
) -> ConstancyTest:
    r"""Test whether a correlation is constant.

    The default forms have the right size on returns with GARCH volatility and fat tails after the
    margins are fitted: 3 to 7 % at 5 % with 1,000 rows and t(5) shocks. With ``robust=False`` the
    textbook form is used, whose size is often far off there; ``docs/theory/constancy.md`` has
    the figures, and the power against breaks, regimes, DCC and random correlations.

    =================  =============================================  ==============================
    method             default form                                   textbook form
    =================  =============================================  ==============================
    engle_sheppard     autocovariances of whitened products, each     Engle and Sheppard (2001),
                       studentised; signs drawn anew                  df = lags
    tse                score of Tse (2000), studentised for any law   outer product of normal scores
                       and all that was estimated; permutation
    bera_kim           fourth harmonic of Bera and Kim's (2002)       for normal residuals
                       statistic, weighted for t tails
    fluctuation        Wied, Krämer and Dehling (2012) on residuals   on the returns themselves
    spearman           influence function of Spearman's rho           Wied et al. (2014) on the
                                                                      returns themselves
    sup_lm             influence function, long-run variance          score of normal residuals
    sup_wald           long-run variances of delete-one values        Fisher's variances
    cusum_bootstrap    Choi and Shin (2019) on residuals              on the returns themselves
    known_date         long-run variances of delete-one values        Fisher's variances
    forbes_rigobon     a diagnostic without p-value, on the returns   the same
    =================  =============================================  ==============================

    Parameters
    ----------
    returns : DataFrame or ndarray of shape (n_obs, n_assets)
        Returns, at least 200 rows, finite; standardized residuals with ``margins=None``. Two
        assets; "engle_sheppard" and "tse" take more.
    method : str, default "fluctuation"
        See the table. One change at an unknown date: "fluctuation", "spearman", "cusum_bootstrap"
        (changes in the middle and drifts), "sup_lm", "sup_wald" (also near the ends). At a date
        known beforehand: "known_date". Correlations that come and go: "engle_sheppard", "tse".
        Random ones without memory: "bera_kim".
    margins : GARCH, mapping of asset to GARCH, MarginsResult or None, default GARCH()
        Margins to fit, or fitted on these returns; None when the returns are standardized
        residuals.
    robust : bool, default True
        False: the textbook form.
    lags : int, optional
        Lags of "engle_sheppard", default 5. More lags suit correlations of long memory.
    trim : float, optional
        Share of the rows at either end at which "sup_lm" and "sup_wald" look for no change, .05 to
        .25, default .15.
    date : date, str or int, optional
        Of "known_date" and "forbes_rigobon": first day of the new state (row label without dates).
        At least 30 rows must lie on either side. A date read off the data is not a known one.
    n_boot : int, default 499
        Resamples of "cusum_bootstrap" (blocks), and of the default forms of "engle_sheppard"
        (signs) and "tse" (permutations), at least 99.
    block_length : int, optional
        Rows of a block of "cusum_bootstrap", default the cube root of the number of rows, and four
        times that in the textbook form, for the clusters of volatility. Longer blocks hold the size
        under stronger dependence and cost power.
    rng : int, Generator or None, default 0
        Seed or generator of the resamples.

    Returns
    -------
    ConstancyTest

    Raises
    ------
    ModelError
        If the returns or an option cannot be used, or an option belongs to another method.
    DateColumnError
        If ``date`` cannot be read as a date.

    Warns
    -----
    ConvergenceWarning
        If a margin does not converge.

    Notes
    -----
    The whole sample is used, so a date found is not for trading. Tests on the same data are
    related: choose one beforehand, or mind that the smallest of ten p-values is no p-value.

    References
    ----------
    Andrews, D. W. K. (1993). Tests for parameter instability and structural change with unknown
    change point. Econometrica 61, 821-856.
    Bera, A. K. and Kim, S. (2002). Testing constancy of correlation and other specifications of
    the BGARCH model with an application to international equity returns. Journal of Empirical
    Finance 9, 171-195.
    Choi, J.-E. and Shin, D. W. (2019). Moving block bootstrapping for a CUSUM test for correlation
    change. Computational Statistics & Data Analysis 135, 95-106.
    Engle, R. F. and Sheppard, K. (2001). Theoretical and empirical properties of dynamic
    conditional correlation multivariate GARCH. NBER Working Paper 8554.
    Kojadinovic, I., Quessy, J.-F. and Rohmer, T. (2016). Testing the constancy of Spearman's rho in
    multivariate time series. Annals of the Institute of Statistical Mathematics 68, 929-954.
    Forbes, K. J. and Rigobon, R. (2002). No contagion, only interdependence: measuring stock
    market comovements. Journal of Finance 57, 2223-2261.
    Tse, Y. K. (2000). A test for constant correlations in a multivariate GARCH model. Journal of
    Econometrics 98, 107-127.
    Wied, D., Dehling, H., van Kampen, M. and Vogel, D. (2014). A fluctuation test for constant
    Spearman's rho with nuisance-free limit distribution. Computational Statistics & Data Analysis
    76, 723-736.
    Wied, D., Krämer, W. and Dehling, H. (2012). Testing for a change in correlation at an unknown
    point in time using an extended functional delta method. Econometric Theory 28, 570-589.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("one_break", n_obs=1000, rng=1)
    >>> test = rc.test_constancy(world.returns)
    >>> test.pvalue < 0.01
    True
    >>> found, true = world.returns.index.get_loc(test.dates[0]), world.parameters["row"]
    >>> abs(found - true) < 60
    True
    """
    check_method(method, {"lags": lags, "trim": trim, "date": date, "block_length": block_length})
    if not isinstance(robust, bool):
        raise ModelError(f"robust={robust!r} must be True or False.")
    diagnostic = method == "forbes_rigobon"
    raw = diagnostic or (method in _RAW and not robust)
    sample = read_sample(returns, margins, raw=raw, pair=method not in _ANY_NUMBER)
    options = make_options(
        sample.n_obs,
        robust=robust,
        lags=lags,
        trim=trim,
        date=date,
        n_boot=n_boot,
        block_length=block_length,
        rng=rng,
    )
    if diagnostic:
        ready = margins is None
        residuals = None if ready else read_sample(returns, margins, raw=False, pair=True)
        return forbes_rigobon(sample, residuals, options)
    return _TESTS[method](sample, options)


# Not a test of pytest's, whatever its name.
test_constancy.__test__ = False  # type: ignore[attr-defined]
