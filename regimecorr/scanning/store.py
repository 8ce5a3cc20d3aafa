"""Rows of a scan on disk: a folder of Parquet files to which every pair is added as it is made."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from regimecorr.errors import DamagedStoreWarning, DataError, warn_user
from regimecorr.evaluation.panel import Names
from regimecorr.files import replace_file
from regimecorr.scanning.rows import Kind, Row, names_of

MANIFEST = "scan.json"
#: This many small files become one.
MERGE_AT = 200
_FORMAT = 1
_PART = "part-"


class ScanStore:
    """An open store. Files are named after the hash of their content and never rewritten.

    Attributes
    ----------
    rows : dict
        Row by pair, as found when the store was opened and added since.
    """

    def __init__(self, folder: Path, columns: Mapping[str, Kind]) -> None:
        self.rows: dict[Names, Row] = {}
        self._folder = folder
        self._schema = _schema(columns)
        self._small: dict[Path, list[Names]] = {}
        self._merged: dict[Path, list[Names]] = {}

    def add(self, row: Row) -> None:
        """Write the row of a pair; it is on disk when this returns."""
        path, names = self._write([row]), names_of(row)
        self.rows[names] = row
        self._small[path] = [names]
        if len(self._small) >= MERGE_AT:
            self._merged |= self._merge(self._small)
            self._small = {}

    def merge(self) -> None:
        """Make one file of all."""
        files = self._merged | self._small
        if len(files) > 1:
            self._merged, self._small = self._merge(files), {}

    def read(self) -> None:
        """Read all parts; one that is damaged is set aside with a warning, its pairs are lost."""
        for rest in self._folder.glob(".*.part"):  # of a write that was cut off
            rest.unlink()
        damaged = []
        for path in sorted(self._folder.glob(f"{_PART}*.parquet")):
            try:
                rows = self._rows(path)
            except DataError as error:
                path.rename(path.with_suffix(".damaged"))
                damaged.append(str(error))
                continue
            files = self._small if len(rows) == 1 else self._merged
            files[path] = [names_of(row) for row in rows]
            for names, row in zip(files[path], rows, strict=True):
                # A pair that was made again stands in two files until these are merged.
                if names not in self.rows or _rank(row) > _rank(self.rows[names]):
                    self.rows[names] = row
        if damaged:
            warn_user(
                f"{len(damaged)} of the files in {self._folder} cannot be read and were renamed "
                f"to .damaged; the pairs in them are made again. {' '.join(damaged)}",
                DamagedStoreWarning,
            )

    def _write(self, rows: Sequence[Row]) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema=self._schema), sink)
        path = self._folder / f"{_PART}{_digest(sink.getvalue())}.parquet"
        replace_file(path, sink.getvalue())
        return path

    def _rows(self, path: Path) -> list[Row]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path.name}: {error}.") from error
        if path.stem != f"{_PART}{_digest(content)}":
            raise DataError(f"{path.name}: its content was cut off or changed.")
        try:
            table = pq.read_table(io.BytesIO(content))
        except pa.ArrowException as error:
            raise DataError(f"{path.name}: {error}.") from error
        if not table.schema.equals(self._schema):
            raise DataError(f"{path.name}: its columns are not those of this scan.")
        rows: list[Row] = table.to_pylist()
        return rows

    def _merge(self, files: Mapping[Path, list[Names]]) -> dict[Path, list[Names]]:
        """Make one file of several; killed in between, both stay, which does no harm."""
        names = sorted({name for inside in files.values() for name in inside})
        target = self._write([self.rows[name] for name in names])
        for path in files:
            if path != target:
                path.unlink(missing_ok=True)
        return {target: names}


@contextmanager
def opened_store(
    store: str | Path, options: Mapping[str, Any], columns: Mapping[str, Kind]
) -> Iterator[ScanStore]:
    """Open a store for one scan at a time, and make its files one when the scan is through.

    Parameters
    ----------
    store : path
        Folder; made if there is none, in an existing one.
    options : mapping
        What the scan was asked, as JSON can hold it.
    columns : mapping
        Columns of a row and what they hold.

    Raises
    ------
    DataError
        If pyarrow is missing, the folder is no store, holds rows that were made with other
        options, or another scan has it open.
    """
    folder = Path(store)
    _check_pyarrow(store)
    if not folder.absolute().parent.is_dir():
        raise DataError(f"The folder of store={str(store)!r} does not exist; make it first.")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"store={str(store)!r} is a file; a scan is kept in a folder of its own.")
    folder.mkdir(exist_ok=True)
    _check_content(folder)
    lock = FileLock(folder / "scan.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(
            f"Another scan has {folder} open; wait until it ends, or use another folder."
        ) from None
    try:
        _check_manifest(folder, options)
        opened = ScanStore(folder, columns)
        opened.read()
        yield opened
        opened.merge()
    finally:
        lock.release()


def _check_pyarrow(store: str | Path) -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"store={str(store)!r} is kept as Parquet and pyarrow, which writes it, is not "
            'installed: pip install "regimecorr[data]", or scan without a store.'
        ) from error


def _check_content(folder: Path) -> None:
    """Raise `DataError` where the folder is used for something else, before anything is left."""
    others = [p.name for p in folder.iterdir() if p.name != "scan.lock" and p.suffix != ".part"]
    if others and not (folder / MANIFEST).exists():
        raise DataError(
            f"{folder} holds {min(others)} and no {MANIFEST}, so it is no store of a scan; "
            "use another folder."
        )


def _check_manifest(folder: Path, options: Mapping[str, Any]) -> None:
    """Write what a new store is for, or hold it against what is asked."""
    wanted = {"format": _FORMAT, "options": json.loads(json.dumps(options))}
    path = folder / MANIFEST
    if not path.exists():
        replace_file(path, (json.dumps(wanted, indent=1) + "\n").encode())
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        options_found = dict(found["options"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error!r}); use another folder.") from error
    if found.get("format") != _FORMAT:
        raise DataError(
            f"{path} has format {found.get('format')!r}; {_FORMAT} is read. Use another folder."
        )
    asked = wanted["options"]
    keys = sorted(options_found.keys() | asked.keys())
    other = {k: options_found.get(k) for k in keys if options_found.get(k) != asked.get(k)}
    if other:
        mine = {k: asked.get(k) for k in other}
        raise DataError(f"{folder} holds rows made with {other}, not {mine}; use another folder.")


def _schema(columns: Mapping[str, Kind]) -> Any:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "date": pa.string(),
        "number": pa.float64(),
        "count": pa.int64(),
        "flag": pa.bool_(),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _rank(row: Row) -> int:
    """Which of two rows of a pair is the later one: only failures are made again."""
    return 0 if row["unexpected"] else 1 if row["failed"] else 2
