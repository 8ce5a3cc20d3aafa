"""Publication of macro series: nothing is used before it was out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import DataError
from regimecorr.indicators.macro import (
    MACRO_SERIES,
    RISK_ON,
    MacroSeries,
    macro_as_known,
    macro_declarations,
    macro_states,
)
from regimecorr.indicators.publication import Publication, as_known


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def known_from(name: str, observed: str) -> pd.Timestamp:
    return MACRO_SERIES[name].publication.known_from(pd.DatetimeIndex([observed]))[0]


#: Day of observation and of release as the sources' own pages print them: federalreserve.gov for
#: H.4.1, H.10 and H.15, ALFRED and FRED ("Updated") for the others, ycharts for the OFR.
RELEASES = [
    ("WALCL", "2023-12-06", "2023-12-07"),
    ("WALCL", "2020-03-25", "2020-03-26"),
    ("DTWEXBGS", "2019-03-11", "2019-03-18"),
    ("DTWEXBGS", "2019-03-15", "2019-03-18"),
    ("DTWEXBGS", "2019-02-15", "2019-02-19"),  # Presidents' Day
    ("DTWEXBGS", "2024-01-08", "2024-01-16"),  # Martin Luther King's
    ("DTWEXBGS", "2024-02-02", "2024-02-05"),
    ("DGS10", "2024-05-22", "2024-05-23"),
    ("DGS10", "2024-05-30", "2024-05-31"),
    ("NFCI", "2026-05-22", "2026-05-28"),  # Memorial Day: Thursday
    ("NFCI", "2022-08-19", "2022-08-24"),
    ("STLFSI4", "2024-10-18", "2024-10-24"),
    ("STLFSI4", "2022-01-07", "2022-01-13"),
    ("STLFSI4", "2022-10-28", "2022-11-03"),
    ("OFR_FSI", "2026-06-04", "2026-06-08"),
    ("OFR_FSI", "2026-05-13", "2026-05-15"),
    ("BAMLH0A0HYM2", "2018-04-19", "2018-04-20"),
]


class TestReleases:
    @pytest.mark.parametrize(("name", "observed", "released"), RELEASES)
    def test_known_from_the_first_close_after_the_release(self, name, observed, released):
        late = MACRO_SERIES[name].publication.after_close
        assert known_from(name, observed) == day(released) + pd.Timedelta(days=int(late))

    def test_hours_of_release(self):
        """H.4.1 at 16:30, H.10 and H.15 at 16:15, VIX until 16:15; NFCI at 8:30, SOFR at 8:00."""
        late = {n for n, m in MACRO_SERIES.items() if m.publication.after_close}
        assert {"WALCL", "WTREGEN", "WRESBAL", "DTWEXBGS", "DGS10", "DFII10", "VIX", "DXY"} <= late
        assert {"NFCI", "ANFCI", "SOFR", "STLFSI4"}.isdisjoint(late)

    def test_thanksgiving_delays_the_balance_sheet(self):
        assert known_from("WALCL", "2024-11-27") == day("2024-11-30")

    def test_an_index_of_the_day_is_known_tomorrow(self):
        assert known_from("VIX", "2024-03-05") == day("2024-03-06")

    def test_re_estimated_series_say_so(self):
        revised = {n for n, m in MACRO_SERIES.items() if m.publication.revised}
        assert revised == {"NFCI", "ANFCI", "STLFSI4", "OFR_FSI", "DTWEXBGS", "ACMTP10"}

    @pytest.mark.parametrize("name", sorted(MACRO_SERIES))
    def test_no_value_is_known_before_the_day_after_its_observation(self, name):
        days = pd.date_range("2015-01-01", "2026-12-31")
        known = MACRO_SERIES[name].publication.known_from(days)
        assert (known > days).all()
        assert known.is_monotonic_increasing


class TestPublication:
    @pytest.mark.parametrize(
        ("rule", "text"),
        [
            (Publication(), "1 business day later, after the close"),
            (Publication(days=0), "the same day, after the close"),
            (Publication(days=3, after_close=False), "3 business days later, before the close"),
            (Publication(days=0, weekday=0), "the Monday after, after the close"),
            (Publication(days=1, weekday=4), "1 business days after the Friday after, after the"),
        ],
    )
    def test_in_words(self, rule, text):
        assert rule.sentence.startswith(text)

    def test_weekdays_of_a_loop(self):
        days = pd.date_range("2023-01-01", periods=400)
        for weekday in range(7):
            rule = Publication(days=0, weekday=weekday, after_close=False)
            for observed, known in zip(days, rule.known_from(days), strict=True):
                expected = observed + pd.Timedelta(days=1)
                while expected.weekday() != weekday:
                    expected += pd.Timedelta(days=1)
                # Weekends and holidays wait for the next business day.
                assert expected <= known <= expected + pd.Timedelta(days=4)
                if weekday in (1, 2) and expected.day not in (1, 4, 11, 19, 25):
                    assert known == expected

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"days": -1}, "days=-1"),
            ({"days": 1.5}, "days=1.5"),
            ({"days": True}, "days=True"),
            ({"max_age": 0}, "max_age=0"),
            ({"weekday": 7}, "weekday=7"),
            ({"weekday": 2.0}, "weekday=2.0"),
            ({"weekday": True}, "weekday=True"),
        ],
    )
    def test_bad_rules(self, options, message):
        with pytest.raises(DataError, match=message):
            Publication(**options)


class TestAsKnown:
    def test_of_a_loop(self):
        rng = np.random.default_rng(0)
        observed = pd.date_range("2020", "2023")[np.sort(rng.choice(1000, 300, replace=False))]
        values = pd.Series(rng.standard_normal(300), observed)
        values.iloc[::7] = np.nan
        rule = Publication(days=2, max_age=12)
        days = pd.bdate_range("2019-12-20", "2023-02-01")
        found = as_known(values, rule, days)
        present = values.dropna()
        known = rule.known_from(pd.DatetimeIndex(present.index))
        for today, row in found.iterrows():
            out = [i for i, k in enumerate(known) if k <= today]
            if not out or (today - present.index[out[-1]]).days > 12:
                assert pd.isna(row["value"])
                assert pd.isna(row["observed"])
            else:
                assert row["value"] == present.iloc[out[-1]]
                assert row["observed"] == present.index[out[-1]]

    def test_a_series_that_ends_becomes_unknown(self):
        values = pd.Series([1.0, 2.0], pd.to_datetime(["2024-01-03", "2024-01-10"]))
        days = pd.bdate_range("2024-01-04", "2024-03-01")
        found = as_known(values, Publication(days=1, max_age=21), days)["value"]
        assert found.loc["2024-01-12":"2024-01-31"].eq(2.0).all()
        assert found.loc["2024-02-01":].isna().all()

    def test_nothing_observed(self):
        days = pd.bdate_range("2024-01-04", periods=3)
        found = as_known(pd.Series(dtype=float, index=pd.DatetimeIndex([])), Publication(), days)
        assert found["value"].isna().all()
        assert found["observed"].isna().all()


class TestStates:
    def test_readings(self):
        values = pd.Series([1.0, 3.0, 2.0, 2.0, 5.0], pd.bdate_range("2024-01-01", periods=5))
        median = MacroSeries(title="", span=3).states(values)
        change = MacroSeries(title="", reading="change", span=1).states(values)
        zero = MacroSeries(title="", reading="above_zero").states(values - 2.0)
        np.testing.assert_array_equal(median, [np.nan, np.nan, 0.0, 0.0, 1.0])
        np.testing.assert_array_equal(change, [np.nan, 1.0, 0.0, 0.0, 1.0])
        np.testing.assert_array_equal(zero, [0.0, 1.0, 0.0, 0.0, 1.0])

    def test_the_median_forgets_what_is_older_than_its_span(self):
        values = pd.Series([9.0, 9.0, 1.0, 2.0, 3.0], pd.bdate_range("2024-01-01", periods=5))
        assert MacroSeries(title="", span=3).thresholds(values).tolist()[2:] == [9.0, 2.0, 2.0]

    def test_a_state_is_known_with_its_observation(self):
        wednesdays = pd.date_range("2024-01-03", periods=30, freq="7D")
        macro = pd.DataFrame({"WALCL": np.r_[np.zeros(20), np.ones(10)]}, wednesdays)
        days = pd.bdate_range("2024-01-01", "2024-07-31")
        found = macro_states(macro, {"WALCL": MACRO_SERIES["WALCL"]}, days)["WALCL"]
        # The 14th Wednesday is the first that looks back 13 weeks, the 21st the first that rose.
        assert found.first_valid_index() == wednesdays[13] + pd.Timedelta(days=2)
        assert found.index[found == 1.0][0] == wednesdays[20] + pd.Timedelta(days=2)

    def test_most_say_risk_on(self):
        days = pd.bdate_range("2024-03-04", periods=6)
        now = Publication(days=0)
        own = {
            "A": MacroSeries(title="", publication=now, reading="above_zero", risk_on="high"),
            "B": MacroSeries(title="", publication=now, reading="above_zero", risk_on="low"),
            "C": MacroSeries(title="", publication=now, reading="above_zero", risk_on="low"),
            "D": MacroSeries(title="", publication=now, reading="above_zero"),
        }
        table = {"A": [1, 1, -1, -1, 1, 1], "B": [-1, 1, 1, -1, 1, 1], "C": [-1, -1, 1, 1, 1, 1]}
        macro = pd.DataFrame({**table, "D": [1, 1, 1, 1, 1, 1]}, days, dtype=float)
        found = macro_states(macro, own, days)
        assert list(found) == ["A", "B", "C", "D", RISK_ON]
        # Known a day later: A high, B and C low are for it.
        np.testing.assert_array_equal(found[RISK_ON], [np.nan, 1.0, 1.0, 0.0, 0.0, 0.0])
        two = macro_states(macro[["A", "B"]], {k: own[k] for k in "AB"}, days)
        np.testing.assert_array_equal(two[RISK_ON], [np.nan, 1.0, np.nan, 0.0, np.nan, np.nan])
        assert RISK_ON not in macro_states(macro[["A", "D"]], {k: own[k] for k in "AD"}, days)

    def test_later_observations_change_nothing(self):
        rng = np.random.default_rng(1)
        days = pd.bdate_range("2018-01-01", periods=900)
        names = ["WALCL", "NFCI", "VIX", "DTWEXBGS", "DGS10"]
        macro = pd.DataFrame(rng.standard_normal((900, 5)).cumsum(axis=0), days, names)
        declared = macro_declarations(names)
        changed = macro.copy()
        changed.iloc[700:] += 100.0
        for read in (lambda m: macro_states(m, declared, days),
                     lambda m: macro_as_known(m, declared, days)[0]):  # fmt: skip
            before, after = read(macro), read(changed)
            pd.testing.assert_frame_equal(before.iloc[:701], after.iloc[:701])
            assert not before.iloc[701:].equals(after.iloc[701:])


class TestDeclarations:
    def test_own_ones_come_first(self):
        own = MacroSeries(title="mine")
        found = macro_declarations(["VIX", "M2"], {"VIX": own, "M2": own})
        assert found["VIX"] is own

    def test_a_lag_is_never_guessed(self):
        with pytest.raises(DataError, match="When M2 is published is not declared"):
            macro_declarations(["VIX", "M2"])
        with pytest.raises(DataError, match="When M2, PMI are published"):
            macro_declarations(["M2", "PMI"])

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            (["VIX"], "is of type list"),
            ({"VIX": Publication()}, r"\['VIX'\] is of type Publication"),
        ],
    )
    def test_what_is_no_declaration(self, own, message):
        with pytest.raises(DataError, match=message):
            macro_declarations(["VIX"], own)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"reading": "slope"}, "reading='slope'"),
            ({"span": 0}, "span=0"),
            ({"risk_on": "up"}, "risk_on='up'"),
            ({"words": ("one",)}, "words="),
        ],
    )
    def test_bad_series(self, options, message):
        with pytest.raises(DataError, match=message):
            MacroSeries(title="", **options)
