"""Every compiled kernel equals its pure-Python twin."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

import regimecorr.kernels

RNG = np.random.default_rng(0)
N, G = 60, 7
Z = RNG.standard_normal((N, 2))
Z[30] = [60.0, -60.0]
X, Y = np.ascontiguousarray(Z[:, 0]), np.ascontiguousarray(Z[:, 1])
FIRST = np.maximum(np.arange(N) - 11 - np.arange(N) % 3, -1)
RHO = np.tanh(np.linspace(-1.5, 1.5, G))
PRIOR = RNG.dirichlet(np.ones(G))
UP = np.r_[np.full(G - 1, 0.2), 0.0]
DOWN = np.r_[0.0, np.full(G - 1, 0.15)]
TRANSITION = np.array([[0.95, 0.05], [0.1, 0.9]])
START = np.array([0.5, 0.5])
PATHS = RNG.standard_normal((4, 25, 2))
DRAW = np.array([0, 0, 1, 1])
TWO = np.array([0.3, 0.4])
UNIFORMS = RNG.random((4, 25))
LEGS = np.array([TWO / 9, TWO / 9, TWO / 3, TWO])
CORNERS = np.array([[[1.0, 1.1, 0.3], [0.9, 1.0, 0.5]]] * 2)
STATES = (UNIFORMS > 0.5).astype(np.int64)
NORMALS = RNG.standard_normal((4, 25))
# Four assets, p = q = 2, asymmetric, and one direction of the target: six derivatives.
Z4 = RNG.standard_normal((N, 4))
NEG = np.minimum(Z4, 0.0)
DE = 0.1 * RNG.standard_normal((4, N, 4))
PAIRS = np.array([[0, 1], [3, 1]])
TARGET = 0.4 + 0.6 * np.eye(4)
FACTOR = np.ascontiguousarray(np.linalg.cholesky(TARGET).T)
SLOPES = TARGET * RNG.standard_normal((6, 1, 1))
DYNAMIC = (TWO / 9, TWO, 0.03, True)
CONSTANTS = (0.2 * TARGET, SLOPES, TARGET, SLOPES, 1.1 * TARGET, SLOPES, 0.5 * TARGET)
RECURSION = (Z4, NEG, *DYNAMIC, *CONSTANTS[::2])
# Two draws of a recursion of two assets, and what came before their paths.
BY_DRAW = (DRAW, np.array([TWO / 9] * 2), np.array([TWO] * 2), TWO / 9, True, True)
STATE = tuple(TARGET[:2, :2] * RNG.uniform(0.2, 1.0, s) for s in [(2, 1, 1), (2, 2, 1, 1)] * 2)


def _density(nu):
    from regimecorr.kernels.density import density_table

    return density_table(Z, RHO, nu)


def _grid(nu=np.inf):
    return (Z, *_density(nu), RHO, nu, PRIOR, 0.02, PRIOR, UP, DOWN, N)


def _filtered():
    from regimecorr.kernels.grid import grid_filter

    return grid_filter(*_grid())[2]


def _hamilton():
    from regimecorr.kernels.hamilton import hamilton_filter, regime_log_densities

    dens = regime_log_densities(Z, np.array([0.1, 0.6]), np.inf)
    return (dens, TRANSITION, START), hamilton_filter(dens, TRANSITION, START)


def _entries(matrices):
    return np.ascontiguousarray(matrices[..., [0, 1, 0], [0, 1, 1]])


def _products(columns):
    return np.column_stack([columns[:, 0] ** 2, columns[:, 1] ** 2, columns[:, 0] * columns[:, 1]])


def _pair_recursion():
    dx = 0.1 * RNG.standard_normal((4, N, 3))
    constants = [_entries(m) for m in CONSTANTS]
    return (_products(Z), dx, _products(NEG), *DYNAMIC, *constants)


def _pair_path():
    from regimecorr.kernels.dcc import pair_recursion

    return pair_recursion(*_pair_recursion())


def _matrices():
    from regimecorr.kernels.dcc_matrix import recursion

    return recursion(*RECURSION)


def _zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


def _chain_scores():
    from regimecorr.kernels.hamilton import regime_density_scores

    slopes = np.array([[-0.3, 0.3], [0.2, -0.2]])
    dens, by_rho, by_nu = regime_density_scores(Z, np.array([0.1, 0.6]), 6.0)
    by_own = np.stack([by_rho, 0.5 * by_rho], axis=2)
    return dens, by_own, by_nu, TRANSITION, START, slopes


def _regimes(nu=6.0):
    from regimecorr.kernels.density import log_density

    rho = np.array([0.1, 0.6])
    top = np.array([log_density(0.0, 0.0, r, nu) for r in rho])
    return Z, rho, TRANSITION, START, nu, top


CALLS = {
    "constancy.bartlett_variance": lambda: (X, 4),
    "constancy.fluctuation_maxima": lambda: (X, Y, 7 * np.arange(3 * N).reshape(3, N) % N, 4),
    "constancy.delete_one": lambda: (X, Y),
    "constancy.change_values": lambda: (X, Y, 25),
    "constancy.wald_path": lambda: (X, Y, 25, 35),
    "constancy.sign_replicates": lambda: (Z, TWO, np.where(Z.T > 0.0, 1.0, -1.0)),
    "density.log_density": lambda: (1.0, -0.5, 0.4, 6.0),
    "density.density_table": lambda: (Z, RHO, 5.0),
    "density.constant_loglikelihood": lambda: (Z, 0.4, 5.0),
    "monitoring.reweigh": lambda: (PRIOR.copy(), RHO**2, 0.9),
    "monitoring.reweigh_in_logs": lambda: (
        *_zeros((5, G), 5),
        *(3, RNG.dirichlet(np.ones(G), 3), 60.0, -60.0, RHO, np.inf),
    ),
    "monitoring.merge_runs": lambda: (
        *(UNIFORMS[:, :G].copy(), 1e-3 * UNIFORMS[:, 0], np.arange(4), 4, 2, 2, 1.0),
    ),
    "monitoring.quantile_row": lambda: (PRIOR, np.arange(G), G, 0.4),
    "monitoring.run_length_filter": lambda: (
        *(Z, *_density(np.inf), RHO, np.inf, PRIOR, 0.02, 30, np.array([5, 10])),
        *(np.array([0.05, 0.95]), 1e-3),
    ),
    "rolling.window_moments": lambda: (X, Y, 3, 40),
    "rolling.correlation_from_moments": lambda: (2.0, 3.0, 1.0),
    "rolling.pearson": lambda: (X, Y),
    "rolling.rolling_pearson": lambda: (X, Y, 12),
    "rolling.rolling_pearson_from": lambda: (X, Y, FIRST),
    "divergence.divergent_rows": lambda: (X / 4, Y / 4, FIRST, 0.1, 0.05, True),
    "divergence._back": lambda: (X, -1.0, 0.5, 3),
    "divergence.read_divergences": lambda: (
        *(X, Y, X / 4, Y / 4, FIRST, np.where(np.arange(N) < 40, np.arange(N) + 15, -1)),
        *(np.arange(N) + 8, 0.1, 0.05, True, 0, 2, 5),
    ),
    "rolling.path_correlation": lambda: (PATHS, 5, 25),
    "rolling.first_passage_above": lambda: (Z, PATHS, 12, 0.1),
    "garch.garch_variance": lambda: (X, 0.1, 0.05, 0.03, 0.9, 1.0),
    "garch.garch_scores": lambda: (
        *(X, np.array([0.1, 0.02, 0.1, -0.05, 0.9, 6.0]), 1.2, True, -0.9, 0.01),
        *_zeros((N, 6), N, (N, 5)),
    ),
    "garch.garch_path": lambda: (X, 0.1, 0.1, 0.05, 0.03, 0.9, 1.0, False, np.zeros(N)),
    "garch.garch_paths": lambda: (NORMALS, DRAW, *[TWO / 9] * 4, TWO + 0.5, TWO * 3, True),
    "dcc.pair_products": lambda: (Z4, 2, 0),
    "dcc.pair_product_derivatives": lambda: (Z4, DE, 2, 0),
    "dcc.add_lagged": lambda: (X.copy(), Y, 0.3, 2, 0.7),
    "dcc.autoregress": lambda: (X.copy(), TWO, 0.7),
    "dcc.pair_recursion": _pair_recursion,
    "dcc.pair_correlation": _pair_path,
    "dcc.add_pair_scores": lambda: (
        *(_products(Z), np.linspace(-0.9, 0.9, N), Z4, 6.0),
        *_zeros(N, (N, 5)),
    ),
    "dcc.matrix_entries": lambda: (FACTOR, 1, 3),
    "dcc.stacked_entries": lambda: (SLOPES, 1, 3),
    "dcc.composite_scores": lambda: (Z4, Z4, DE, NEG, PAIRS, *DYNAMIC, *CONSTANTS, 6.0),
    "dcc_matrix.cholesky_upper": lambda: (TARGET, np.zeros((4, 4))),
    "dcc_matrix.inverse_from_cholesky": lambda: (FACTOR, *_zeros((4, 4), (4, 4))),
    "dcc_matrix.solve_cholesky": lambda: (FACTOR, Z4[0], np.zeros(4)),
    "dcc_matrix.next_q": lambda: (3, *RECURSION, _matrices()[:3].repeat(2, axis=0)),
    "dcc_matrix.recursion": lambda: RECURSION,
    "dcc_matrix.rescale": lambda: (_matrices(),),
    "dcc_matrix.row_density": lambda: (Z4[0], TARGET, 6.0, -3.0, 0.1, *_zeros((4, 4), 4, 4)),
    "dcc_matrix.slope_by_q": lambda: (
        *(Z4[0], TARGET, 0.9, FACTOR, Z4[1], Z4[2]),
        *_zeros((4, 4), (4, 4)),
    ),
    "dcc_matrix.full_rows": lambda: (Z4, _matrices()[:-1], 6.0, -3.0),
    "dcc_matrix.full_scores": lambda: (Z4, Z4, DE, NEG, *DYNAMIC, *CONSTANTS, 6.0, -3.0, 0.1),
    "dcc_matrix.adjoint": lambda: (Z4, *RECURSION, 6.0, -3.0),
    "dcc_paths.pair_paths": lambda: (PATHS, *BY_DRAW, *(_entries(m) for m in STATE)),
    "dcc_paths.matrix_paths": lambda: (
        *(PATHS, *BY_DRAW, *STATE),
        *_zeros((4, 25, 2, 2), (25, 2, 2)),
    ),
    "targeting.corrected_innovations": lambda: (Z4, TWO / 9, TWO, 1.0),
    "targeting.corrected_adjoint": lambda: (Z4, np.exp(NEG), NEG + 0.2, TWO / 9, TWO),
    "grid.advance": lambda: (PRIOR, 0.02, PRIOR, UP, DOWN, np.empty(G)),
    "grid._weigh_in_logs": lambda: (PRIOR, 60.0, -60.0, RHO, np.inf, np.empty(G)),
    "grid._weigh": lambda: (PRIOR, PRIOR, np.empty(G)),
    "grid._dot": lambda: (np.linspace(0.1, 1.0, 11), np.linspace(2.0, -1.0, 11)),
    "grid._normalise": lambda: (PRIOR.copy(), 0.7, RHO),
    "grid.grid_filter": _grid,
    "grid.grid_smoother": lambda: (_filtered(), RHO, 0.02, PRIOR, UP, DOWN),
    "grid.draw_cell": lambda: (PRIOR, 0.61),
    "grid.sample_backward": lambda: (_filtered(), 0.02, PRIOR, UP, DOWN, RNG.random((5, N))),
    "hamilton.regime_log_densities": lambda: (Z, np.array([0.1, 0.6]), 6.0),
    "hamilton.hamilton_filter": lambda: _hamilton()[0],
    "hamilton.regime_density_scores": lambda: (Z, np.array([0.1, 0.6]), 6.0),
    "hamilton.weighted_density_scores": lambda: (Z, np.array([0.1, 0.6]), 6.0, RNG.random((N, 2))),
    "hamilton.chain_scores": _chain_scores,
    "hamilton.kim_smoother": lambda: (*_hamilton()[1][1:], TRANSITION),
    "hamilton.viterbi_path": lambda: _hamilton()[0],
    "hamilton.sample_regimes_backward": lambda: (_hamilton()[1][2], TRANSITION, RNG.random((5, N))),
    "paths.correlate": lambda: (PATHS, np.full((4, 25), 0.3)),
    "paths.break_paths": lambda: (TWO.repeat(2), DRAW, TWO / 3, TWO, TWO, UNIFORMS, NORMALS, 2.65),
    "paths.autoregressive_paths": lambda: (TWO.repeat(2), DRAW, TWO, TWO * 2, TWO, NORMALS, 2.65),
    "chp.switching_process": lambda: (
        X,
        Y,
        np.linalg.qr(Z)[0].copy(),
        np.array([-0.6, 0.0, 0.97]),
    ),
    "chp.density_derivatives": lambda: (1.0, -0.5, 0.4, 6.0),
    "chp.correlation_derivatives": lambda: (Z, 0.4, 6.0),
    "chp.maximise_correlation": lambda: (Z, 0.1, 8.0, 2.2, 100.0, 0.99),
    "density.density_slopes": lambda: (0.3, -1.2, 0.4, 6.0),
    "garch_adjoint.garch_residuals": lambda: (Z, LEGS, TWO + 0.6),
    "garch_adjoint.garch_adjoint": lambda: (Z, LEGS, TWO + 0.6, Z, -1.0),
    "regime_gradient.log_mixture": lambda: (START, np.array([-900.0, -901.0])),
    "regime_gradient.log_forward": lambda: _hamilton()[0],
    "regime_gradient._add_score": lambda: (
        *(1.0, -0.5, np.array([0.1, 0.6]), 6.0, _regimes()[5], _hamilton()[0][0][3], START),
        *_zeros(2, 1, 2),
    ),
    "regime_gradient._log_densities": lambda: (Z, _regimes()[1], 6.0, _regimes()[5]),
    "regime_gradient._forward": lambda: (*_hamilton()[0], *_zeros((N, 2), (N, 2))),
    "regime_gradient._smooth_in_logs": lambda: (
        *(*_regimes(), _hamilton()[0][0]),
        *_zeros(2, (2, 2), (N, 2)),
    ),
    "regime_gradient.regime_gradient": lambda: _regimes()[:5],
    "regimes.regime_states": lambda: (DRAW, DRAW, np.cumsum([TRANSITION] * 2, axis=2), UNIFORMS),
    "regimes.correlate_by_state": lambda: (PATHS, DRAW, STATES, np.array([[np.eye(2)] * 2] * 2)),
    "regimes.regime_dcc_paths": lambda: (
        PATHS,
        DRAW,
        STATES,
        *(np.array([TWO, TWO]) * s for s in (1.0, 0.2, 1.5)),
        CORNERS,
    ),
    "resample.stationary_indices": lambda: (RNG.integers(0, N, N), RNG.random(N), 5.0),
}


def compiled_kernels():
    found = set()
    for info in pkgutil.iter_modules(regimecorr.kernels.__path__):
        module = importlib.import_module(f"regimecorr.kernels.{info.name}")
        found |= {
            f"{info.name}.{name}"
            for name, value in vars(module).items()
            if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
        }
    return found


def test_every_kernel_is_compared():
    assert compiled_kernels() - set(CALLS) == set()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_compiled_equals_python(name):
    module, function = name.split(".")
    kernel = getattr(importlib.import_module(f"regimecorr.kernels.{module}"), function)
    if not hasattr(kernel, "py_func"):
        pytest.skip("compilation is switched off (NUMBA_DISABLE_JIT)")
    args = CALLS[name]()
    ours = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    twin = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    first, second = kernel(*ours), kernel.py_func(*twin)
    for a, b in zip(
        np.atleast_1d(first) if np.isscalar(first) else [first],
        np.atleast_1d(second) if np.isscalar(second) else [second],
        strict=True,
    ):
        if isinstance(a, tuple):
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
        elif a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    for a, b in zip(ours, twin, strict=True):  # buffers that are written to
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
