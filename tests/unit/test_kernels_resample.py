"""Stationary bootstrap indices."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.kernels.resample import stationary_indices


@pytest.mark.parametrize("mean_block", [1.0, 5.0, 20.0])
def test_mean_block_length(mean_block):
    rng = np.random.default_rng(0)
    n = 200_000
    found = stationary_indices(rng.integers(0, n, n), rng.random(n), mean_block)
    breaks = (np.diff(found) % n != 1).sum() + 1
    # A new block starts at random, so one in n continues by chance; sd of the share by the
    # binomial law.
    share, expected = breaks / n, 1.0 / mean_block
    assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n) + 3 / n


def test_blocks_are_circular_and_start_where_told():
    starts = np.array([3, 0, 0, 1, 0])
    uniforms = np.array([0.9, 0.9, 0.9, 0.1, 0.9])
    np.testing.assert_array_equal(stationary_indices(starts, uniforms, 4.0), [3, 4, 0, 1, 2])


def test_every_row_is_equally_likely():
    rng = np.random.default_rng(1)
    n, count = 50, np.zeros(50)
    for _ in range(4000):
        count += np.bincount(
            stationary_indices(rng.integers(0, n, n), rng.random(n), 10.0), minlength=n
        )
    share = count / count.sum()
    # Rows of one draw come in blocks of 10: the effective number of picks is a tenth.
    assert np.abs(share - 1 / n).max() < 5 * np.sqrt(1 / n / (4000 * n / 20))
