"""Options of `monitor`, checked once: which method takes which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeGuard, get_args

import numpy as np

from regimecorr.errors import ModelError
from regimecorr.inference.monitoring.boundary import ALPHA_RANGE, GAMMA_RANGE, SHORTEST

Method: TypeAlias = Literal["cusum", "page", "bayes"]
SUMS = ("cusum", "page")
#: Rows before the start that may count; the shortest history has twice as many.
MOST_GRACE = 100
_DEFAULTS: dict[str, tuple[tuple[str, ...], Any]] = {
    "alpha": (SUMS, 0.05),
    "horizon": (SUMS, None),
    "gamma": (SUMS, 0.25),
    "robust": (SUMS, True),
    "threshold": (("bayes",), 0.95),
    "grace": (("bayes",), 63),
    "expected_duration": (("bayes",), 1008.0),
    "level_mean": (("bayes",), 0.0),
    "level_sd": (("bayes",), 0.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a monitor, valid and with their defaults filled in; see `monitor`.

    ``horizon`` is None where it is to be the length of the history.
    """

    method: Method
    alpha: float
    horizon: float | None
    gamma: float
    robust: bool
    threshold: float
    grace: int
    expected_duration: float
    level_mean: float
    level_sd: float


def make_options(method: Method, given: dict[str, Any]) -> Options:
    """Fill in defaults and check ranges; None means not given."""
    if method not in get_args(Method):
        raise ModelError(f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}.")
    for name, value in given.items():
        methods = _DEFAULTS[name][0]
        if value is not None and method not in methods:
            raise ModelError(
                f"{name}={value!r} means nothing to method={method!r}; it is an option of "
                f"{' and '.join(methods)}."
            )
    values = {
        name: default if given.get(name) is None else given[name]
        for name, (_, default) in _DEFAULTS.items()
    }
    options = Options(method=method, **values)
    _check_range("alpha", options.alpha, *ALPHA_RANGE)
    _check_range("gamma", options.gamma, *GAMMA_RANGE)
    if not isinstance(options.robust, bool | np.bool_):
        raise ModelError(f"robust={options.robust!r} must be True or False.")
    _check_range("threshold", options.threshold, 0.01, 0.9999)
    if not _number(options.grace) or not 0 <= options.grace <= MOST_GRACE or options.grace % 1:
        raise ModelError(
            f"grace={options.grace!r} must be a whole number of rows within 0 and {MOST_GRACE}."
        )
    _check_range("expected_duration", options.expected_duration, 20.0, 1e5)
    _check_range("level_mean", options.level_mean, -2.0, 2.0)
    _check_range("level_sd", options.level_sd, 0.05, 2.0)
    return options


def _number(value: object) -> TypeGuard[float]:
    numeric = isinstance(value, int | float | np.integer | np.floating)
    return numeric and not isinstance(value, bool)


def _check_range(name: str, value: object, low: float, high: float) -> None:
    if not _number(value) or not low <= value <= high:
        raise ModelError(f"{name}={value!r} must be a number within {low:g} and {high:g}.")


def rows_monitored(horizon: float | None, m: int) -> float:
    """Rows of the period for which the level holds, infinite for a period without end."""
    if horizon is None:
        return float(m)
    fewest = int(np.ceil(SHORTEST * m))
    if not _number(horizon) or not (horizon == np.inf or float(horizon).is_integer()):
        raise ModelError(f"horizon={horizon!r} must be a whole number of rows, or math.inf.")
    if horizon < fewest:
        raise ModelError(
            f"horizon={horizon} is too short for {m} rows of history; use at least {fewest} rows."
        )
    return float(horizon)
