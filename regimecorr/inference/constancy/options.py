"""Options of the tests, checked once: which method takes which."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import get_args

import numpy as np

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.inputs import DateLike
from regimecorr.inference.constancy.result import Method
from regimecorr.inference.constancy.sup_law import TRIM_RANGE
from regimecorr.models.base import check_count

LAGS = 5
TRIM = 0.15

_USED_BY = {
    "lags": ("engle_sheppard",),
    "trim": ("sup_lm", "sup_wald"),
    "date": ("known_date", "forbes_rigobon"),
    "block_length": ("cusum_bootstrap",),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a test, valid and with their defaults filled in.

    Attributes
    ----------
    robust : bool
    lags : int
    trim : float
    date : str, date, datetime64, int or None
    n_boot : int
    block_length : int
        Rows of a bootstrap block.
    rng : Generator
    """

    robust: bool
    lags: int
    trim: float
    date: DateLike | None
    n_boot: int
    block_length: int
    rng: np.random.Generator


def check_method(method: Method, given: dict[str, object]) -> None:
    """Raise `ModelError` for an unknown method, or an option that belongs to others."""
    if method not in get_args(Method):
        raise ModelError(f"method={method!r} is unknown; use one of {', '.join(get_args(Method))}.")
    for name, value in given.items():
        if value is not None and method not in _USED_BY[name]:
            raise ModelError(
                f"{name}={value!r} means nothing to method={method!r}; it is an option of "
                f"{' and '.join(_USED_BY[name])}."
            )


def make_options(
    n_obs: int,
    *,
    robust: bool,
    lags: int | None,
    trim: float | None,
    date: DateLike | None,
    n_boot: int,
    block_length: int | None,
    rng: int | np.random.Generator | None,
) -> Options:
    """Fill in defaults and check ranges."""
    lags = LAGS if lags is None else lags
    trim = TRIM if trim is None else trim
    if block_length is None:
        # Returns as they are have volatility clusters to keep together.
        block_length = round((1.0 if robust else 4.0) * n_obs ** (1.0 / 3.0))
    check_count("lags", lags)
    check_count("n_boot", n_boot, 99)
    check_count("block_length", block_length)
    if lags > n_obs // 10:
        raise ModelError(f"lags={lags} are too many for {n_obs} rows; use at most {n_obs // 10}.")
    if block_length > n_obs // 5:
        raise ModelError(
            f"block_length={block_length} is too long for {n_obs} rows; use at most {n_obs // 5}."
        )
    if not isinstance(trim, Real) or not TRIM_RANGE[0] <= trim <= TRIM_RANGE[1]:
        raise ModelError(f"trim={trim!r} must lie within {TRIM_RANGE[0]} and {TRIM_RANGE[1]}.")
    return Options(
        robust=robust,
        lags=lags,
        trim=trim,
        date=date,
        n_boot=n_boot,
        block_length=block_length,
        rng=np.random.default_rng(rng),
    )
