"""Prior densities and the maps of their variables to the real line, in numpy.

Values carry leading axes of draws and a trailing `shape`. `graph` states the same densities in
PyMC for sampling; these ones serve evidence, sensitivity and prior tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, gammaln, log_expit, logit, xlog1py, xlogy

from regimecorr.models.base import Array

_LOG_2PI = float(np.log(2.0 * np.pi))


class Prior(ABC):
    """Prior of one named block of parameters.

    `shape` are the trailing axes of its values, `n_real` the unbounded coordinates they have.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Trailing axes of the values."""

    @property
    def n_real(self) -> int:
        """Number of unbounded coordinates."""
        return int(np.prod(self.shape))

    @abstractmethod
    def log_density(self, x: Array) -> Array:
        """Log density of values (n, *shape), by draw (n,)."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw values (n, *shape)."""

    @abstractmethod
    def to_real(self, x: Array) -> Array:
        """Unbounded coordinates (n, n_real) of values (n, *shape)."""

    @abstractmethod
    def from_real(self, u: Array) -> tuple[Array, Array]:
        """Values (n, *shape) and log Jacobian (n,) of unbounded coordinates (n, n_real)."""

    def _by_draw(self, terms: Array) -> Array:
        """Sum over the trailing axes."""
        return np.asarray(terms.reshape(len(terms), -1).sum(axis=1), dtype=float)


@dataclass(frozen=True, slots=True)
class Normal(Prior):
    """Normal with one mean and standard deviation, ``size`` independent entries (0: a scalar)."""

    mean: float
    sd: float
    size: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Prior`."""
        return (self.size,) if self.size else ()

    def log_density(self, x: Array) -> Array:
        """See `Prior`."""
        score = (x - self.mean) / self.sd
        return self._by_draw(-0.5 * (score**2 + _LOG_2PI) - np.log(self.sd))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """See `Prior`."""
        return rng.normal(self.mean, self.sd, (n, *self.shape))

    def to_real(self, x: Array) -> Array:
        """See `Prior`."""
        return x.reshape(len(x), -1)

    def from_real(self, u: Array) -> tuple[Array, Array]:
        """See `Prior`."""
        return u.reshape(len(u), *self.shape), np.zeros(len(u))


class _Positive(Prior):
    """Prior of positive numbers, unbounded by the logarithm."""

    def to_real(self, x: Array) -> Array:
        """See `Prior`."""
        return np.asarray(np.log(x).reshape(len(x), -1), dtype=float)

    def from_real(self, u: Array) -> tuple[Array, Array]:
        """See `Prior`."""
        return np.exp(u).reshape(len(u), *self.shape), u.sum(axis=1)


@dataclass(frozen=True, slots=True)
class HalfNormal(_Positive):
    """Absolute value of a normal with mean 0, ``size`` independent entries."""

    sd: float
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Prior`."""
        return (self.size,)

    def log_density(self, x: Array) -> Array:
        """See `Prior`."""
        terms = -0.5 * ((x / self.sd) ** 2 + _LOG_2PI) - np.log(0.5 * self.sd)
        return self._by_draw(np.where(x >= 0.0, terms, -np.inf))

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """See `Prior`."""
        return np.abs(rng.normal(0.0, self.sd, (n, *self.shape)))


@dataclass(frozen=True, slots=True)
class Gamma(_Positive):
    """Gamma with a shape and a rate; a scalar."""

    alpha: float
    rate: float

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Prior`."""
        return ()

    def log_density(self, x: Array) -> Array:
        """See `Prior`."""
        constant = self.alpha * np.log(self.rate) - gammaln(self.alpha)
        return self._by_draw(constant + (self.alpha - 1.0) * np.log(x) - self.rate * x)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """See `Prior`."""
        return rng.gamma(self.alpha, 1.0 / self.rate, n)


@dataclass(frozen=True, slots=True)
class Beta(Prior):
    """Independent Beta entries with parameters ``a`` and ``b``, tuples of one length."""

    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Prior`."""
        return (len(self.a),)

    def log_density(self, x: Array) -> Array:
        """See `Prior`."""
        a, b = np.array(self.a), np.array(self.b)
        terms = xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b)
        return self._by_draw(terms)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """See `Prior`."""
        return rng.beta(self.a, self.b, (n, *self.shape))

    def to_real(self, x: Array) -> Array:
        """See `Prior`."""
        return np.asarray(logit(x), dtype=float)

    def from_real(self, u: Array) -> tuple[Array, Array]:
        """See `Prior`."""
        return np.asarray(expit(u), dtype=float), self._by_draw(log_expit(u) + log_expit(-u))


@dataclass(frozen=True, slots=True)
class Dirichlet(Prior):
    """Rows of probabilities, each Dirichlet with all parameters ``concentration``.

    Unbounded by log ratios to the last entry.
    """

    concentration: float
    rows: int
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Prior`."""
        return (self.rows, self.size)

    @property
    def n_real(self) -> int:
        """Number of unbounded coordinates."""
        return self.rows * (self.size - 1)

    def log_density(self, x: Array) -> Array:
        """See `Prior`."""
        a, k = self.concentration, self.size
        constant = self.rows * (gammaln(k * a) - k * gammaln(a))
        return np.asarray(constant + self._by_draw(xlogy(a - 1.0, x)), dtype=float)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """See `Prior`."""
        return rng.dirichlet(np.full(self.size, self.concentration), (n, self.rows))

    def to_real(self, x: Array) -> Array:
        """See `Prior`."""
        return np.asarray(np.log(x[..., :-1] / x[..., -1:]).reshape(len(x), -1), dtype=float)

    def from_real(self, u: Array) -> tuple[Array, Array]:
        """See `Prior`."""
        logs = np.zeros((len(u), *self.shape))
        logs[..., :-1] = u.reshape(len(u), self.rows, self.size - 1)
        logs -= logs.max(axis=-1, keepdims=True)
        x = np.exp(logs)
        total = x.sum(axis=-1, keepdims=True)
        # The Jacobian of the log ratios is the product of the probabilities.
        return x / total, self._by_draw(logs - np.log(total))
