"""The vocabulary of errors and warnings.

Every error the package raises on purpose derives from `RegimeCorrError`, every warning from
`RegimeCorrWarning`. Messages give the value that was met, the limit it broke and the remedy.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "AsOfError",
    "BundledDataWarning",
    "ConstantPriceError",
    "ConvergenceWarning",
    "DamagedStoreWarning",
    "DataError",
    "DateColumnError",
    "DegenerateRegimeWarning",
    "DownloadError",
    "DuplicateAssetError",
    "DuplicateDateError",
    "EstimationError",
    "FailedDaysWarning",
    "FailedPairsWarning",
    "InfinitePriceError",
    "LevelBasisWarning",
    "MissingValuesError",
    "ModelError",
    "NonNumericPriceError",
    "NonPositivePriceError",
    "RegimeCorrError",
    "RegimeCorrWarning",
    "ReturnsNotPricesError",
    "SamplingError",
    "SourceRefusedError",
    "StaleDataWarning",
    "TimeZoneError",
    "TooFewRowsError",
    "UncalibratedWarning",
    "UnknownAssetError",
    "UnsortedDatesError",
    "WindowError",
    "collected_warnings",
    "warn_user",
]


class RegimeCorrError(Exception):
    """Base of every error raised on purpose by the package.

    Cause: see the subclass. Remedy: catch this class to catch them all.
    """


class DataError(RegimeCorrError, ValueError):
    """The price table cannot be used as it is.

    Cause: something about the input, told in the message; most causes have a subclass.
    Remedy: repair the table before it is passed in; nothing is repaired silently.
    """


class TooFewRowsError(DataError):
    """There are fewer common prices than the analysis needs.

    Cause: a short history, an early `as_of`, or two calendars that hardly overlap.
    Remedy: pass a longer history, a later `as_of`, or another pair.
    """


class NonPositivePriceError(DataError):
    """A price is zero or negative, so it has no logarithm.

    Cause: a bad tick, a placeholder zero, a spread, or a future such as crude oil of 2020-04-20.
    Remedy: remove or correct the row, or begin after it.
    """


class ConstantPriceError(DataError):
    """The returns of a series do not vary, so it has no correlation.

    Cause: a pegged, suspended or placeholder series, or one with a constant growth rate.
    Remedy: choose another series, or the span in which it traded.
    """


class DuplicateDateError(DataError):
    """A calendar day occurs more than once.

    Cause: files glued together with an overlap, or several stamps a day (intraday data).
    Remedy: keep one row per day, for example `prices.groupby(prices.index.normalize()).last()`.
    """


class UnsortedDatesError(DataError):
    """The dates run neither strictly forward nor strictly backward.

    Cause: files glued together in the wrong order, or days and months swapped in some rows.
    Remedy: check the named date, then sort the rows by date: `prices.sort_index()` for an index.
    """


class MissingValuesError(DataError):
    """Prices are missing: a whole column, or a hole of many days.

    Cause: an interrupted download, a suspended listing, or a wrong column.
    Remedy: begin after the hole with `prices.loc["..."]`, or fill it from another source.
    """


class NonNumericPriceError(DataError):
    """A price is text that is not a number.

    Cause: thousands separators, currency signs, "n/a" or "-" in a file.
    Remedy: write plain numbers with a decimal point, and leave missing fields empty.
    """


class InfinitePriceError(DataError):
    """A price is infinite.

    Cause: a division by zero somewhere before.
    Remedy: replace it by NaN where there was no price, or correct it.
    """


class TimeZoneError(DataError):
    """The dates carry more than one time zone, so a calendar day is not defined.

    Cause: series of exchanges in several zones joined while they still carry their zones.
    Remedy: where each stamp is its exchange's own trading day, `series.tz_localize(None)` first.
    """


class DuplicateAssetError(DataError):
    """One asset stands twice: two columns of one name, or the pair is one series.

    Cause: a repeated header, or the same series chosen as asset and as benchmark.
    Remedy: rename or drop one of the columns, or choose two different series.
    """


class UnknownAssetError(DataError):
    """A named asset is not in the table.

    Cause: a typing error or a table without it.
    Remedy: choose one of the names listed in the message.
    """


class AsOfError(DataError):
    """`as_of` is not a date within the history of the pair.

    Cause: an unreadable date, or one before the first or well after the last common row.
    Remedy: choose a date within the range given in the message.
    """


class ReturnsNotPricesError(DataError):
    """The values look like returns, not prices.

    Cause: returns were passed where the package wants prices.
    Remedy: pass prices, or rebuild them with `100 * np.exp(returns.cumsum())`.
    """


class WindowError(DataError):
    """A window, horizon or step has no meaning or does not fit into the sample.

    Cause: a window that is not positive, or longer than the history.
    Remedy: choose a window within the limits given in the message.
    """


class DateColumnError(DataError):
    """The dates of a table cannot be found or read.

    Cause: no column of dates, several, or dates such as 01/02/2020 that can be read in two ways.
    Remedy: one column of ISO dates (2020-02-01), or a `DatetimeIndex`.
    """


class DownloadError(RegimeCorrError, OSError):
    """No source delivered usable prices.

    Cause: no network, an unknown ticker, a provider that changed or refuses; the message says
    what was tried for each ticker.
    Remedy: try later or another `source`, or load a file with `load_prices`.
    """


class SourceRefusedError(DownloadError):
    """A source answered in a way that asking again will not mend.

    Cause: an unknown ticker, a page for browsers in place of data, a missing optional package.
    Remedy: another `source`; `download` goes on to the next one by itself, without retries.
    """


class ModelError(RegimeCorrError, ValueError):
    """A specification or its parameters have no meaning.

    Cause: an option outside its range, or parameters that violate a constraint of the model.
    Remedy: choose a value within the range given in the message.
    """


class EstimationError(RegimeCorrError, RuntimeError):
    """An estimation failed and has no result worth returning.

    Cause: no finite likelihood, a singular matrix, or too little information in the sample.
    Remedy: a longer history or a simpler specification; the message says which.
    """


class SamplingError(EstimationError):
    """A Markov chain Monte Carlo did not converge, so what it says is not told.

    Cause: too few draws, regimes that the data do not tell apart, or loose priors.
    Remedy: more draws, a higher `target_accept`, firmer priors, or `method="pool"`.
    """


class RegimeCorrWarning(UserWarning):
    """Base of every warning of the package.

    Cause: see the subclass. Remedy: filter this class to silence or escalate them all.
    """


class BundledDataWarning(RegimeCorrWarning):
    """Bundled simulated prices stand in for market prices.

    Cause: no prices were passed and none could be downloaded.
    Remedy: pass `prices`, or restore the connection.
    """


class UncalibratedWarning(RegimeCorrWarning):
    """The probability was not calibrated on past outcomes.

    Cause: windows other than the calibrated ones, a short history, a level basis, or an `as_of`
    before the first calibration.
    Remedy: use the default windows and at least 750 returns, or read it as a raw model figure.
    """


class ConvergenceWarning(RegimeCorrWarning):
    """An optimiser stopped before it converged.

    Cause: a flat or ragged likelihood, or too few iterations.
    Remedy: more starts or iterations, or a simpler specification; do not trust the estimates.
    """


class DegenerateRegimeWarning(RegimeCorrWarning):
    """A regime holds hardly any observations, or two regimes coincide.

    Cause: more regimes than the sample supports.
    Remedy: fewer regimes.
    """


class StaleDataWarning(RegimeCorrWarning):
    """Prices are old or do not move.

    Cause: a cached download past its age because no source answered, or a long run of one price.
    Remedy: refresh the data, or check that the series traded.
    """


class DamagedStoreWarning(RegimeCorrWarning):
    """Files of a store cannot be read; what stood in them is made again.

    Cause: a disk or a copy that failed, or files that were edited.
    Remedy: none is needed; the files stay beside the store with the ending `.damaged`.
    """


class FailedDaysWarning(RegimeCorrWarning):
    """Days of a history have no verdict.

    Cause: models that fail on the prices to that day; `reason` in the frame tells.
    Remedy: none is needed, the other days are not affected; or begin later.
    """


class FailedPairsWarning(RegimeCorrWarning):
    """Pairs of a scan have no verdict.

    Cause: prices that cannot be used, models that fail; `reason` in the table tells.
    Remedy: repair the prices of those pairs, or leave them out; the others are not affected.
    """


class LevelBasisWarning(RegimeCorrWarning):
    """The correlation is one of price levels.

    Cause: `basis="levels"` or `"log_levels"`; trending prices correlate without any relation.
    Remedy: `basis="returns"` for anything but replaying a published claim.
    """


_Collector = tuple[type[RegimeCorrWarning], list[RegimeCorrWarning]]
#: Who collects warnings here, the innermost last.
_COLLECTORS: ContextVar[tuple[_Collector, ...]] = ContextVar("collectors", default=())


@contextmanager
def collected_warnings(
    category: type[RegimeCorrWarning] = RegimeCorrWarning,
) -> Iterator[list[RegimeCorrWarning]]:
    """Collect the package's warnings in place of issuing them.

    Unlike `warnings.catch_warnings` this touches nothing that threads share, so that jobs beside
    each other keep their warnings apart.

    Parameters
    ----------
    category : type of RegimeCorrWarning, default RegimeCorrWarning
        What is collected; others are issued, or collected further out.

    Yields
    ------
    list of RegimeCorrWarning
        Those of this thread, in their order.

    Examples
    --------
    >>> from regimecorr.errors import StaleDataWarning, collected_warnings, warn_user
    >>> with collected_warnings() as seen:
    ...     warn_user("The price did not move.", StaleDataWarning)
    >>> seen
    [StaleDataWarning('The price did not move.')]
    """
    found: list[RegimeCorrWarning] = []
    token = _COLLECTORS.set((*_COLLECTORS.get(), (category, found)))
    try:
        yield found
    finally:
        _COLLECTORS.reset(token)


def warn_user(message: str, category: type[RegimeCorrWarning]) -> None:
    """Issue a warning that points at the first caller outside the package.

    A fixed `stacklevel` would point into the package whenever a public function is called by
    another one.

    Parameters
    ----------
    message : str
        A full sentence with cause and remedy.
    category : type of RegimeCorrWarning
        The kind of warning.
    """
    for wanted, found in reversed(_COLLECTORS.get()):
        if issubclass(category, wanted):
            found.append(category(message))
            return
    root = __name__.partition(".")[0]
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != root and not name.startswith(root + "."):
            break
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
