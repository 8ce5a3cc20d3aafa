"""`python -m regimecorr history`: the answer of `history`, its files and its errors."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.cli.options import make_parser
from regimecorr.formatting import plain

FAST = ["--n-paths", "400", "--raw", "--seed", "3"]


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("prices") / "pair.csv"
    rc.simulate("recurrent", n_obs=630, rng=1).prices.to_csv(path)
    return str(path)


@pytest.fixture(scope="module")
def dates(csv) -> list[str]:
    return [str(day) for day in pd.read_csv(csv, index_col=0).index]


def test_the_answer_is_that_of_history(csv, dates, capsys, tmp_path, monkeypatch):
    table, picture = tmp_path / "t.csv", tmp_path / "h.svg"
    given = ["history", csv, "--start", dates[605], "--as-of", dates[625], "--every", "20"]
    found = rc.history(csv, start=dates[605], as_of=dates[625], every=20, n_paths=400,
                       calibration=None, rng=3)  # fmt: skip
    assert main([*given, *FAST, "--csv", str(table), "--plot", str(picture)]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (found.summary() + "\n", "")
    written = pd.read_csv(table)
    assert written.columns.tolist() == ["date", *found.frame]
    assert written["date"].tolist() == [dates[605], dates[625]]
    np.testing.assert_allclose(written["p_raw"], found.frame["p_raw"])
    assert picture.read_text().startswith("<?xml")
    monkeypatch.setattr("regimecorr.replay.history", lambda *_, **__: found)
    assert main([*given, *FAST, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == plain(found.to_dict())


def test_defaults_are_those_of_history():
    given = vars(make_parser().parse_args(["history"]))
    for name, parameter in inspect.signature(rc.history).parameters.items():
        if name in given:
            assert given[name] == parameter.default, name
    assert (given["seed"], given["raw"]) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.csv"], "none.csv"),
        (["PRICES", "--every", "0"], "every=0"),
        (["PRICES", "--every", "often"], "--every"),
        (["PRICES", "--start", "2000-02-01"], "a verdict needs 600"),
        (["PRICES", "--plot", "h.bmp"], "h.bmp"),
        (["PRICES", "--csv", "PRICES"], "is the file of the prices"),
        (["PRICES", "--n-jobs", "0"], "--n-jobs 0"),
    ],
)
def test_wrong_usage(csv, capsys, arguments, words):
    code = main(["history", *(csv if word == "PRICES" else word for word in arguments)])
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert words in told.err
