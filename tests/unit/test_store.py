"""Records in a file: sealed line by line, never rewritten, and only a cut-off line is removed."""

from __future__ import annotations

import json

import pytest

from regimecorr.errors import DataError
from regimecorr.evaluation import store as module
from regimecorr.evaluation.store import append_record, read_records

OPTIONS = {"n_paths": 400, "rng": 0}
ROWS = [
    {"asset": "A", "p_raw": 0.25, "failed": ""},
    {"asset": "B/ö", "p_raw": float("nan"), "failed": "nothing converged"},
    {"asset": "C", "p_raw": 1 / 3, "failed": ""},
]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "records.jsonl"
    for row in ROWS:
        append_record(path, OPTIONS | row)
    return path


def test_what_was_written_is_read(store):
    found = read_records(store, OPTIONS)
    expected = [OPTIONS | row for row in ROWS]
    expected[1]["p_raw"] = None
    assert found == expected
    seals = [json.loads(line)["seal"] for line in store.read_text(encoding="utf-8").splitlines()]
    assert len(set(seals)) == 3
    assert all(len(seal) == 16 and int(seal, 16) >= 0 for seal in seals)


def test_no_file_has_no_records(tmp_path):
    assert read_records(tmp_path / "none.jsonl", OPTIONS) == []
    (tmp_path / "empty.jsonl").touch()
    assert read_records(tmp_path / "empty.jsonl", OPTIONS) == []


def test_records_of_others_are_left_out_and_other_options_refused(store):
    assert [r["asset"] for r in read_records(store, OPTIONS, where={"asset": "C"})] == ["C"]
    with pytest.raises(DataError, match=r"made with \{'rng': 0\}, not .*'rng': 1"):
        read_records(store, OPTIONS | {"rng": 1})
    assert read_records(store, OPTIONS | {"rng": 1}, where={"asset": "D"}) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row | {"p_raw": 0.26},
        lambda row: row | {"p_raw": None},
        lambda row: row | {"asset": "c"},
        lambda row: row | {"later": 1},
        lambda row: row | {"n_paths": 600},
        lambda row: row | {"seal": "0" * 16},
        lambda row: row | {"seal": None},
        lambda row: {name: value for name, value in row.items() if name != "failed"},
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_edited_line_is_refused(store, change, place):
    lines = store.read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[place])
    changed = change(row)
    if changed == row:  # NaN is null already
        changed = row | {"p_raw": 0.0}
    lines[place] = json.dumps(changed)
    text = "".join(f"{line}\n" for line in lines)
    store.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"Line {place + 1} of .* was changed after it was"):
        read_records(store, OPTIONS)
    # Also where the line is somebody else's; and the file is as it was.
    with pytest.raises(DataError, match="was changed"):
        read_records(store, OPTIONS, where={"asset": "D"})
    assert store.read_text(encoding="utf-8") == text


def test_a_seal_belongs_to_its_line(store):
    lines = [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()]
    lines[0]["seal"], lines[2]["seal"] = lines[2]["seal"], lines[0]["seal"]
    store.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 1 of .* was changed"):
        read_records(store, OPTIONS)


@pytest.mark.parametrize(
    "line", ["", "no record", "{", "5", "null", '"text"', "[1, 2]", "{}", '{"asset": "A"}']
)
def test_a_line_that_is_no_record_is_refused(store, line):
    first, *rest = store.read_text(encoding="utf-8").splitlines()
    text = "".join(f"{each}\n" for each in (first, line, *rest))
    store.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 2 of .* is no record"):
        read_records(store, OPTIONS)
    assert store.read_text(encoding="utf-8") == text


class TestLastLine:
    @pytest.mark.parametrize("length", [1, 2, 30, -1])
    def test_that_was_cut_off_is_removed(self, store, length):
        *whole, last = store.read_text(encoding="utf-8").splitlines()
        kept = "".join(f"{line}\n" for line in whole)
        store.write_text(kept + last[:length], encoding="utf-8")
        assert [r["asset"] for r in read_records(store, OPTIONS)] == ["A", "B/ö"]
        assert store.read_text(encoding="utf-8") == kept
        append_record(store, OPTIONS | ROWS[2])
        assert store.read_text(encoding="utf-8") == f"{kept}{last}\n"

    def test_is_removed_whole_or_not_at_all(self, store, monkeypatch):
        text = store.read_text(encoding="utf-8")[:-20]
        store.write_text(text, encoding="utf-8")

        def full(path, content):
            raise OSError("no space left")

        with monkeypatch.context() as patch:
            patch.setattr(module, "replace_file", full)
            with pytest.raises(OSError, match="no space"):
                read_records(store, OPTIONS)
        assert store.read_text(encoding="utf-8") == text
        assert len(read_records(store, OPTIONS)) == 2
        assert [path.name for path in store.parent.iterdir()] == [store.name]

    def test_stays_where_another_line_is_wrong(self, store):
        text = store.read_text(encoding="utf-8").replace("0.25", "0.75")[:-20]
        store.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"Line 1 of .* was changed"):
            read_records(store, OPTIONS)
        text = text.replace("0.75", "0.25")
        store.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="made with"):
            read_records(store, OPTIONS | {"rng": 1})
        assert store.read_text(encoding="utf-8") == text

    @pytest.mark.parametrize("last", ["no record", " ", "5", "[1, 2", '"text"'])
    def test_that_is_no_record_is_refused(self, store, last):
        text = store.read_text(encoding="utf-8") + last
        store.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"last line of .*records\.jsonl is no record"):
            read_records(store, OPTIONS)
        assert store.read_text(encoding="utf-8") == text

    def test_that_is_whole_but_for_its_end_is_kept(self, store):
        text = store.read_text(encoding="utf-8")
        store.write_text(text[:-1], encoding="utf-8")
        assert len(read_records(store, OPTIONS)) == 3
        assert store.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bought some, sold some", "last line of .* is no record"),
        ("date,close\n2020-01-02,100.0\n", "Line 1 of .* is no record"),
        ('{\n  "version": 1\n}\n', "Line 1 of .* is no record"),
        ('{"my": "settings"}', "last line of .* is no record"),
    ],
)
def test_a_file_of_text_is_left_alone(tmp_path, text, words):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_records(path, OPTIONS)
    assert path.read_text() == text


def test_what_is_no_text_is_left_alone(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe{")
    with pytest.raises(DataError, match=r"picture\.png cannot be read as records"):
        read_records(path, OPTIONS)
    assert path.read_bytes() == b"\x89PNG\r\n\xff\xfe{"
    with pytest.raises(DataError, match="cannot be read as records"):
        read_records(tmp_path, OPTIONS)


def test_the_stores_of_the_studies_are_sealed(root):
    """What the record is made of is as it was written."""
    options = {"n_paths": 2000, "rng": 0, "version": 1}
    found = read_records(root / "docs" / "_results" / "backtest.jsonl", options)
    assert len(found) == len({(r["asset"], r["benchmark"], r["date"]) for r in found}) > 1000
    assert all(len(row["made"]) == 10 for row in found)
