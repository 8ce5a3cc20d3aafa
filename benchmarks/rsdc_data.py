"""The simulated data sets of RSDC's own Monte Carlo, drawn again without R.

RSDC 1.7-0 (github.com/ArdiaD/RSDC, ``inst/simulation/mc_recovery_study.R``, case 2) seeds R's
generator with ``10000 + 1000 T + m`` for sample ``m = 1 ... 100`` of ``T`` rows and draws row after
row the regime, then the two values. Here R's default generator is set up the same way: the
Mersenne Twister seeded by a congruential generator, normals by inversion of two uniforms each, a
draw with given probabilities from the likeliest outcome on, a bivariate normal through the
symmetric root of its correlation matrix (``mvtnorm::rmvnorm``). Estimates on these samples stand
beside the published errors without any Monte-Carlo error between them.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from scipy.special import ndtri

Array: TypeAlias = np.ndarray

CORRELATIONS = np.array([0.2, 0.7])
TRANSITION = np.array([[0.9, 0.1], [0.2, 0.8]])
SAMPLES = 100
#: Root mean squared error and bias that RSDC publishes (``montecarlo_validation.tex``, case 2).
PUBLISHED = {
    500: {
        "p_low": (0.2708, -0.0937),
        "p_high": (0.2646, -0.0641),
        "rho_low": (0.2283, -0.0598),
        "rho_high": (0.1353, 0.0026),
    },
    1000: {
        "p_low": (0.0905, -0.0157),
        "p_high": (0.1136, -0.0016),
        "rho_low": (0.1239, -0.0301),
        "rho_high": (0.0973, 0.0090),
    },
    2000: {
        "p_low": (0.0684, -0.0168),
        "p_high": (0.0877, -0.0031),
        "rho_low": (0.0676, -0.0221),
        "rho_high": (0.0633, -0.0030),
    },
}
_WORDS = 624
#: R's inversion takes 27 bits of one uniform and the fraction from the next.
_BIG = 134217728.0
#: One uniform for the regime, two for each of the two normals.
_PER_ROW = 5


class RGenerator:
    """R's generator after ``set.seed(seed)`` with the kinds that R uses by default since 3.6."""

    def __init__(self, seed: int) -> None:
        words = []
        for _ in range(50 + 1 + _WORDS):
            seed = (69069 * seed + 1) % 2**32
            words.append(seed)
        self._twister = np.random.MT19937()
        # The first 50 words only scramble; the one after them holds the position, set to the end.
        key = np.array(words[51:], dtype=np.uint32)
        self._twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": _WORDS}}

    def uniform(self, n: int) -> Array:
        """``runif(n)``."""
        scale = 2.3283064365386963e-10
        half = 0.5 * 2.328306437080797e-10
        return np.clip(self._twister.random_raw(n) * scale, half, 1.0 - half)

    def normal(self, n: int) -> Array:
        """``rnorm(n)``."""
        return normals(self.uniform(2 * n))


def normals(uniforms: Array) -> Array:
    """Normals by inversion, each from two uniforms that follow each other."""
    coarse, fine = uniforms.reshape(-1, 2).T
    return np.asarray(ndtri((np.floor(_BIG * coarse) + fine) / _BIG), dtype=float)


def seed_of(n: int, sample: int) -> int:
    """Seed of a sample of n rows, numbered from 1."""
    return 10000 + 1000 * n + sample


def sample_of(n: int, sample: int) -> tuple[Array, Array]:
    """Regimes (n,), 0 the lower correlation, and values (n, 2) of RSDC's sample of n rows."""
    uniforms = RGenerator(seed_of(n, sample)).uniform(_PER_ROW * n).reshape(n, _PER_ROW)
    # The chain has made one step, from equal probabilities, before the first row.
    chances = TRANSITION.mean(axis=0)
    states = np.empty(n, dtype=int)
    for t, u in enumerate(uniforms[:, 0]):
        likely = int(chances.argmax())
        states[t] = likely if u <= chances[likely] else 1 - likely
        chances = TRANSITION[states[t]]
    shocks = normals(uniforms[:, 1:].ravel()).reshape(n, 2)
    up, down = np.sqrt(1.0 + CORRELATIONS[states]), np.sqrt(1.0 - CORRELATIONS[states])
    return states, 0.5 * ((up + down)[:, None] * shocks + (up - down)[:, None] * shocks[:, ::-1])
