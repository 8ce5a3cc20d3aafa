"""What a calibration is made of is checked: numbers, order, record, names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import DateColumnError, ModelError
from regimecorr.evaluation.calibration import Recalibration
from regimecorr.evaluation.vintages import Calibration, calibration_of, shipped

EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def market() -> Calibration:
    return shipped("market")


class TestCoefficients:
    @pytest.mark.parametrize(
        "changes",
        [
            {"coefficients": (0.0, np.nan, 1.0)},
            {"coefficients": (np.inf, 0.0, 1.0)},
            {"coefficients": (0.0, 1.0)},
            {"coefficients": (0.0, 0.0, 1.0, 0.0)},
            {"covariance": ((1.0, 0.0), (0.0, 1.0))},
            {"covariance": (*EYE[:2], (0.0, 0.0, np.nan))},
            {"covariance": (*EYE[:2], (0.0, 0.0, -0.1))},
            {"covariance": ((1.0, 2.0, 0.0), (2.0, 1.0, 0.0), (0.0, 0.0, 1.0))},
            {"prior_sd": np.nan},
            {"prior_sd": np.inf},
        ],
    )
    def test_bad_numbers(self, changes):
        good = {"coefficients": (0.0, 0.0, 1.0), "covariance": EYE, "n_outcomes": 9}
        with pytest.raises(ModelError, match="Coefficients and their covariance must be finite"):
            Recalibration(**{**good, "prior_sd": 0.1, **changes})

    def test_known_coefficients_and_rounded_covariances_are_good(self, market):
        assert Recalibration((0.0, 0.0, 1.0), ((0.0,) * 3,) * 3, 9, 0.1).n_outcomes == 9
        # Of rank one, to six digits: an eigenvalue may be a little below zero.
        one = np.array([0.123456789, -0.987654321, 0.5])
        rounded = np.vectorize(lambda v: float(f"{v:.6g}"))(np.outer(one, one))
        assert np.linalg.eigvalsh(rounded)[0] < 0.0
        spread = tuple(tuple(row) for row in rounded.tolist())
        assert Recalibration((0.0, 0.0, 1.0), spread, 9, 0.1).covariance == spread


class TestVintage:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"n_outcomes": 0, "n_structural": 0}, "0 of 0 outcomes is no share"),
            ({"n_outcomes": -3, "n_structural": -1}, "-1 of -3 outcomes"),
            ({"n_outcomes": 3, "n_structural": 4}, "4 of 3 outcomes"),
            ({"n_structural": -1}, "-1 of .* outcomes"),
            ({"state_rates": {"strained": 0.5, "aligned": 1.1}}, "no share"),
            ({"state_rates": {"strained": np.nan, "aligned": 0.1}}, "no share"),
            ({"state_rates": {"strained": 0.5}}, "must name"),
            ({"state_rates": {"strained": 0.5, "aligned": 0.1, "weak": 0.3}}, "must name"),
            ({"state_rates": {}}, "must name"),
        ],
    )
    def test_bad_numbers(self, market, changes, words):
        with pytest.raises(ModelError, match=words):
            dataclasses.replace(market.vintages[0], **changes)

    def test_a_day_that_is_none(self, market):
        with pytest.raises(DateColumnError, match="before"):
            dataclasses.replace(market.vintages[0], before="soon")

    def test_base_rates_by_state(self, market):
        rates = {"strained": 0.4, "aligned": 0.1}
        vintage = dataclasses.replace(
            market.vintages[0], n_outcomes=8, n_structural=6, state_rates=rates
        )
        assert vintage.base_rate() == vintage.base_rate("divergent") == 0.75
        assert (vintage.base_rate("strained"), vintage.base_rate("aligned")) == (0.4, 0.1)
        with pytest.raises(ModelError, match="'weak' has no base rate"):
            vintage.base_rate("weak")

    def test_the_markets_rates_are_in_the_order_of_the_states(self, market):
        """The nearer to a divergence, the more often structural comes."""
        for v in (*market.vintages, *shipped("simulated").vintages):
            assert 0.0 < v.base_rate("aligned") < v.base_rate("strained") < v.base_rate() < 1.0


class TestCalibration:
    @pytest.mark.parametrize("order", [(1, 0), (0, 0), (0, 2, 1), ()])
    def test_vintages_ascend(self, market, order):
        vintages = tuple(market.vintages[k] for k in order)
        with pytest.raises(ModelError, match="must ascend in time"):
            dataclasses.replace(market, vintages=vintages)

    def test_an_undated_vintage_stands_alone(self, market):
        undated = dataclasses.replace(market.vintages[0], before=None)
        for vintages in ((undated, market.vintages[1]), (market.vintages[0], undated)):
            with pytest.raises(ModelError, match="one alone may be undated"):
                dataclasses.replace(market, vintages=vintages)
        with pytest.raises(ModelError, match="one alone may be undated"):
            dataclasses.replace(market, vintages=(undated, undated))
        assert dataclasses.replace(market, vintages=(undated,)).at("1970-01-01") is undated

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("p_structural", 1.2),
            ("p_structural", -0.1),
            ("p_structural", np.nan),
            ("base_rate", 1.2),
            ("base_rate", np.nan),
            ("structural", 0.5),
            ("structural", 2.0),
            ("structural", np.inf),
        ],
    )
    def test_the_record_holds_probabilities_and_outcomes(self, market, tmp_path, column, value):
        record = market.record.copy()
        record.loc[3, column] = value
        words = "record must hold probabilities and outcomes"
        with pytest.raises(ModelError, match=words):
            dataclasses.replace(market, record=record)
        path = market.save(tmp_path / "own.json")
        body = json.loads(path.read_text())
        body["record"][column][3] = value
        path.write_text(json.dumps(body))
        with pytest.raises(ModelError, match=rf"own\.json holds no calibration: The {words}"):
            Calibration.load(path)

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda body: body["vintages"].reverse(), "must ascend in time"),
            (lambda body: body["vintages"].clear(), "must ascend in time"),
            (lambda body: body["vintages"][0].update(n_structural=10_000), "no share"),
            (lambda body: body["vintages"][0].update(before="soon"), "soon"),
            (lambda body: body["vintages"][0]["state_rates"].update(aligned=-0.5), "no share"),
            (lambda body: body["vintages"][0]["state_rates"].update(weak=0.5), "must name"),
            (
                lambda body: body["vintages"][0]["coefficients"].update(prior_sd=float("nan")),
                "must be finite",
            ),
            (
                lambda body: body["vintages"][0]["coefficients"]["coefficients"].pop(),
                "expected 3, got 2",
            ),
        ],
    )
    def test_a_file_with_bad_numbers_is_named(self, market, tmp_path, damage, words):
        path = market.save(tmp_path / "own.json")
        body = json.loads(path.read_text())
        damage(body)
        path.write_text(json.dumps(body))
        with pytest.raises(ModelError, match=rf"own\.json holds no calibration: .*{words}"):
            Calibration.load(path)

    def test_a_day_is_a_day(self, market):
        """With a time or a zone it is that day; what is no date is refused."""
        for day in (
            "2023-11-14",
            "20231114",
            dt.date(2023, 11, 14),
            dt.datetime(2023, 11, 14, 23, 30),
            np.datetime64("2023-11-14"),
            pd.Timestamp("2023-11-14 15:30", tz="Asia/Tokyo"),
        ):
            assert market.at(day).before == "2023-01-01"
        assert market.at(pd.Timestamp("2022-12-31 23:59")).before == "2022-01-01"
        for bad in (20231114, 2023.5, None, "soon", "03/04/2023", pd.NaT):
            with pytest.raises(DateColumnError, match="as_of"):
                market.at(bad)


def test_what_an_argument_stands_for(market):
    assert calibration_of(None) is None
    assert calibration_of("market") is market
    assert calibration_of("simulated") is shipped("simulated")
    own = dataclasses.replace(market, name="own")
    assert calibration_of(own) is own
    for bad in ("own", "", 0, True, False, {"name": "market"}, ["market"], Calibration):
        with pytest.raises(ModelError, match=r"calibration=.* is unknown; use 'market'"):
            calibration_of(bad)
