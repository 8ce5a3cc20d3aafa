"""`python -m regimecorr scan`: the answer of `scan`, its files and its errors."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.cli import main
from regimecorr.cli.options import make_parser
from regimecorr.formatting import plain

FAST = ["--n-paths", "400", "--raw"]
SHORT = {"n_paths": 400, "calibration": None}


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> str:
    worlds = [rc.simulate("recurrent", n_obs=650, rng=seed).prices for seed in (1, 4)]
    panel = pd.concat([worlds[0], worlds[1].set_axis(["C", "D"], axis=1)], axis=1)
    path = tmp_path_factory.mktemp("prices") / "panel.csv"
    panel.assign(FLAT=1.0).to_csv(path)
    return str(path)


def test_the_summary_is_that_of_scan(csv, capsys, tmp_path):
    pairs = [("A", "B"), ("D", "A")]
    file, store = tmp_path / "table.csv", tmp_path / "s"
    day = str(pd.read_csv(csv, index_col=0).index[-4])
    options = ["--pair", "A", "B", "--pair", "D", "A", "--as-of", day, "--seed", "3"]
    code = main(["scan", csv, *options, *FAST, "--csv", str(file), "--store", str(store)])
    told = capsys.readouterr()
    assert (code, told.err) == (0, "")
    found = rc.scan(csv, pairs=pairs, as_of=day, rng=3, **SHORT)
    assert told.out == found.summary() + "\n"
    table = pd.read_csv(file)
    assert table.columns.tolist() == ["rank", *found.table.columns]
    np.testing.assert_allclose(table["p_structural"], found.table["p_structural"])
    assert len(list(store.glob("part-*.parquet"))) == 1


def test_json_has_all_rows_and_failures_are_told(csv, capsys):
    code = main(["scan", csv, "--pair", "A", "B", "--pair", "C", "FLAT", *FAST, "--json"])
    told = capsys.readouterr()
    assert code == 0
    assert "1 of 2 pairs have no verdict" in told.err
    answer = json.loads(told.out)
    with pytest.warns(rc.errors.FailedPairsWarning):
        found = rc.scan(csv, pairs=[("A", "B"), ("C", "FLAT")], **SHORT)
    assert answer["pairs"] == plain(found.table)
    assert answer["share"] == plain(found.share)
    assert answer["settings"] == plain(found.settings)
    assert answer["as_of"] == f"{found.as_of:%Y-%m-%d}"


def test_defaults_are_those_of_scan():
    given = vars(make_parser().parse_args(["scan", "panel.csv"]))
    for name, parameter in inspect.signature(rc.scan).parameters.items():
        if name in given and name not in ("pairs", "n_jobs"):
            assert given[name] == parameter.default, name
    assert (given["seed"], given["raw"], given["pairs"]) == (0, False, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "PRICES"),
        (["none.csv"], "none.csv"),
        (["PANEL", "--pair", "A", "Z"], "Z"),
        (["PANEL", "--pair", "A"], "expected 2 arguments"),
        (["PANEL", "--n-jobs", "0"], "--n-jobs 0"),
        (["PANEL", "--csv", "PANEL"], "is the file of the prices"),
        (["PANEL", "--store", "PANEL"], "is a file"),
        (["PANEL", "--n-paths", "3"], "n_paths=3"),
    ],
)
def test_wrong_usage(csv, capsys, arguments, words):
    code = main(["scan", *(csv if word == "PANEL" else word for word in arguments)])
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert words in told.err
    assert Path(csv).is_file()
