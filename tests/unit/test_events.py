"""DESIGN's definitions, written a second time in plain numpy, against `regimecorr.events`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.windows import resolve
from regimecorr.errors import DataError, WindowError
from regimecorr.events import (
    Gap,
    check_windows,
    fresh_correlation,
    fresh_slice,
    gap_pathways,
    is_structural,
    midpoint_of,
    read_gap,
    situation,
    state_history,
)


def corr(rows):
    return np.corrcoef(rows.T)[0, 1]


def definition(values, t, short, long):
    """DESIGN's table at row t."""
    r_short = corr(values[t - short + 1 : t + 1])
    r_long = corr(values[t - long + 1 : t + 1])
    reference = corr(values[t - short - long + 1 : t - short + 1])
    o = -1 if reference < 0 else 1
    midpoint = o * (abs(reference) + min(o * r_short, 0.0)) / 2
    if abs(reference) < 0.25:
        state = "weak"
    elif o * r_short <= 0:
        state = "divergent"
    elif o * r_short < o * midpoint:
        state = "strained"
    else:
        state = "aligned"
    return {
        "r_short": r_short,
        "r_long": r_long,
        "reference": reference,
        "midpoint": midpoint,
        "state": state,
        "sign": o,
    }


def changing_pair(n=900, seed=0, flip=1.0):
    """Correlation that wanders widely, so that every state of both signs occurs."""
    rng = np.random.default_rng(seed)
    rho = 0.75 * np.sin(np.arange(n) / 70.0 + seed)
    e = rng.standard_normal((n, 2))
    values = np.column_stack([e[:, 0], rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]])
    values[:, 0] *= flip
    return values


SHORT, LONG = 20, 50


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
class TestDefinitions:
    def test_situation_and_history_at_every_row(self, seed, flip):
        values = changing_pair(seed=seed, flip=flip)
        history = state_history(
            values[:, 0].copy(), values[:, 1].copy(), resolve(len(values), SHORT, LONG)
        )
        seen = set()
        for t in range(SHORT + LONG - 1, len(values)):
            expected = definition(values, t, SHORT, LONG)
            row = history.iloc[t]
            for key in ("r_short", "r_long", "reference", "midpoint"):
                assert row[key] == pytest.approx(expected[key], abs=1e-10)
            assert row["state"] == expected["state"]
            if t % 7 == 0:
                here = situation(values[: t + 1], SHORT, LONG)
                for key, value in expected.items():
                    if isinstance(value, str):
                        assert getattr(here, key) == value
                    else:
                        assert getattr(here, key) == pytest.approx(value, abs=1e-10)
            seen.add((expected["state"], expected["sign"]))
        assert {s for s, _ in seen} == {"weak", "divergent", "strained", "aligned"}
        assert {o for s, o in seen if s == "divergent"} == {-1, 1}

    def test_history_is_empty_before_the_first_full_reference(self, seed, flip):
        values = changing_pair(seed=seed, flip=flip)
        history = state_history(
            values[:, 0].copy(), values[:, 1].copy(), resolve(len(values), SHORT, LONG)
        )
        assert (history["state"].iloc[: SHORT + LONG - 1] == "").all()
        assert history["state"].iloc[SHORT + LONG - 1] != ""
        assert history["reference"].iloc[: SHORT + LONG - 1].isna().all()

    def test_later_rows_change_nothing(self, seed, flip):
        values = changing_pair(seed=seed, flip=flip)
        other = values.copy()
        other[500:] = np.random.default_rng(9).standard_normal((400, 2))
        first, second = (
            state_history(v[:, 0].copy(), v[:, 1].copy(), resolve(len(values), SHORT, LONG))
            for v in (values, other)
        )
        pd.testing.assert_frame_equal(first.iloc[:500], second.iloc[:500])


def test_negating_one_leg_negates_correlations_and_keeps_states():
    values = changing_pair(seed=5)
    history = state_history(
        values[:, 0].copy(), values[:, 1].copy(), resolve(len(values), SHORT, LONG)
    )
    mirror = state_history(-values[:, 0], values[:, 1].copy(), resolve(len(values), SHORT, LONG))
    assert (history["state"] == mirror["state"]).all()
    for column in ("r_short", "r_long", "reference", "midpoint"):
        np.testing.assert_allclose(mirror[column], -history[column], atol=1e-12)


@pytest.mark.parametrize(
    ("r_short", "reference", "expected"),
    [
        (0.2, 0.6, 0.3),
        (-0.2, 0.6, 0.2),
        (0.2, -0.6, -0.2),
        (-0.2, -0.6, -0.3),
        (-0.6, 0.6, 0.0),
        (0.9, 0.4, 0.2),
    ],
)
def test_midpoint(r_short, reference, expected):
    assert float(midpoint_of(r_short, reference)) == pytest.approx(expected)


class TestFreshWindow:
    def test_indices_are_the_second_half_of_the_year(self):
        """Steps are 0-based: step s is row t + 1 + s, so 126 .. 251 are rows t+127 .. t+252."""
        start, stop = fresh_slice(252)
        assert (start + 1, stop) == (127, 252)
        assert (fresh_slice(11)[0] + 1, fresh_slice(11)[1]) == (6, 11)

    def test_only_those_steps_matter(self):
        rng = np.random.default_rng(0)
        paths = rng.standard_normal((8, 260, 2))
        base = fresh_correlation(paths, 252)
        np.testing.assert_allclose(base, [corr(p[126:252]) for p in paths], atol=1e-12)
        outside = paths.copy()
        outside[:, :126] = rng.standard_normal((8, 126, 2))
        outside[:, 252:] = 100.0 * rng.standard_normal((8, 8, 2))
        np.testing.assert_array_equal(fresh_correlation(outside, 252), base)
        for step in (126, 251):
            inside = paths.copy()
            inside[:, step] *= 5.0
            assert (fresh_correlation(inside, 252) != base).all()

    @pytest.mark.parametrize(
        ("fresh", "sign", "middle", "expected"),
        [
            (0.1, 1, 0.2, True),
            (0.3, 1, 0.2, False),
            (0.2, 1, 0.2, False),
            (-0.1, -1, -0.2, True),
            (-0.3, -1, -0.2, False),
        ],
    )
    def test_structural(self, fresh, sign, middle, expected):
        assert bool(is_structural(fresh, sign, middle)) is expected


class TestGap:
    def test_read_gap_uses_the_last_rows_only(self):
        rng = np.random.default_rng(0)
        logs = np.cumsum(rng.standard_normal((300, 2)), axis=0)
        gap = read_gap(logs, 100)
        spread = logs[:, 0] - logs[:, 1]
        assert gap.level == pytest.approx(spread[-1])
        assert gap.mean == pytest.approx(spread[200:].mean())
        assert gap.sd == pytest.approx(
            np.sqrt(((spread[200:] - spread[200:].mean()) ** 2).sum() / 99)
        )
        assert gap.z == pytest.approx((spread[-1] - gap.mean) / gap.sd)
        logs[:200] += 1e3 * rng.standard_normal((200, 2))
        assert read_gap(logs, 100) == gap

    def test_constant_gap_raises(self):
        logs = np.cumsum(np.ones((60, 2)), axis=0)
        with pytest.raises(DataError):
            read_gap(logs, 50)

    #   Asset 2 sd above: closed when the spread has fallen by 1.5 sd (sd = 0.1, so by 0.15).
    HIGH = Gap(level=0.2, z=2.0, mean=0.0, sd=0.1)
    LOW = Gap(level=-0.2, z=-2.0, mean=0.0, sd=0.1)

    @pytest.mark.parametrize(
        ("gap", "moves", "rows", "pathway", "direction"),
        [
            (HIGH, [(-0.10, 0.0), (-0.06, 0.0)], 2, "asset-led", "down"),
            (HIGH, [(0.0, 0.10), (0.0, 0.06)], 2, "benchmark-led", "up"),
            (LOW, [(0.10, 0.0), (0.06, 0.0)], 2, "asset-led", "up"),
            (LOW, [(0.0, -0.10), (0.0, -0.06)], 2, "benchmark-led", "down"),
            # Both fall, the asset further: it closed the gap against the benchmark's help.
            (HIGH, [(-0.30, -0.14), (0.0, 0.0)], 1, "asset-led", "down"),
            # Both rise, the benchmark further.
            (HIGH, [(0.05, 0.21), (0.0, 0.0)], 1, "benchmark-led", "up"),
            # A jump across zero changes the sign without stopping within half a deviation.
            (HIGH, [(-0.50, 0.0), (0.0, 0.0)], 1, "asset-led", "down"),
            (HIGH, [(-0.14, 0.0), (0.0, 0.0)], 0, "open", ""),
            (HIGH, [(0.30, 0.0), (0.1, 0.0)], 0, "open", ""),
            # The larger signed part closes although the other leg moved the other way.
            (LOW, [(0.10, -0.06), (0.0, 0.0)], 1, "asset-led", "up"),
        ],
    )
    def test_hand_made_paths(self, gap, moves, rows, pathway, direction):
        found = gap_pathways(gap, np.array([moves])).iloc[0]
        assert found["rows"] == rows
        assert found["pathway"] == pathway
        assert found["direction"] == direction

    def test_moves_are_read_at_the_closing_row(self):
        moves = np.array([[(-0.20, 0.01), (5.0, -5.0)]])
        found = gap_pathways(self.HIGH, moves).iloc[0]
        assert found["asset_move"] == pytest.approx(-0.20)
        assert found["benchmark_move"] == pytest.approx(0.01)
        assert found["asset_share"] == pytest.approx(0.20 / 0.21)

    def test_the_boundary_itself_is_closed(self):
        gap = Gap(level=2.0, z=2.0, mean=0.0, sd=1.0)
        assert gap_pathways(gap, np.array([[(-1.5, 0.0)]])).iloc[0]["rows"] == 1
        assert Gap(0.5, 0.5, 0.0, 1.0).closed
        assert not Gap(0.51, 0.51, 0.0, 1.0).closed

    def test_against_a_loop(self):
        rng = np.random.default_rng(1)
        moves = 0.03 * rng.standard_normal((300, 60, 2))
        for gap in (self.HIGH, self.LOW):
            found = gap_pathways(gap, moves)
            for p in range(300):
                a = b = 0.0
                expected = (0, "open", "")
                for u in range(60):
                    a, b = a + moves[p, u, 0], b + moves[p, u, 1]
                    z = (gap.level + a - b - gap.mean) / gap.sd
                    if abs(z) <= 0.5 or z * gap.z < 0:
                        side = -1 if gap.z > 0 else 1
                        lead = "asset-led" if side * a >= -side * b else "benchmark-led"
                        move = a if lead == "asset-led" else b
                        expected = (u + 1, lead, "up" if move >= 0 else "down")
                        break
                assert tuple(found.iloc[p][["rows", "pathway", "direction"]]) == expected


class TestWindows:
    @pytest.mark.parametrize(
        "windows", [(9, 50, 20), (20, 19, 20), (50, 50, 20), (20, 50, 1), (20.0, 50, 20)]
    )
    def test_bad_ones_raise(self, windows):
        with pytest.raises(WindowError):
            check_windows(1000, *windows)

    def test_the_data_must_hold_both(self):
        check_windows(70, 20, 50, 40)
        with pytest.raises(WindowError):
            check_windows(69, 20, 50, 40)

    def test_constant_window_raises(self):
        values = changing_pair(200)
        values[-20:, 0] = 0.0
        with pytest.raises(DataError):
            situation(values, 20, 50)
