"""Records in a file, one JSON object a line, written as they are made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regimecorr.errors import DataError
from regimecorr.files import replace_file


def read_records(
    store: str | Path,
    options: Mapping[str, Any],
    *,
    where: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Read the records of a file; none if there is no file.

    A last line that was cut off while it was written is removed.

    Parameters
    ----------
    store : path
        The file.
    options : mapping
        What every record must have been made with.
    where : mapping, optional
        Records that differ in one of these are somebody else's and left out.

    Raises
    ------
    DataError
        If a line is no record, was changed, or was made with other options.
    """
    path = Path(store)
    if not path.exists():
        return []
    found = []
    try:
        *lines, last = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as records: {error}.") from error
    if last:
        head = f'{{"{next(iter(options))}"'
        if not (last.startswith(head) or head.startswith(last)):
            raise DataError(f"The last line of {path} is no record; use another file.")
        lines += [last] if _whole(last) else []  # a half-written one is made again
    for i, line in enumerate(lines):
        row = _opened(line, f"Line {i + 1} of {path}")
        if where is not None and any(row.get(k) != v for k, v in where.items()):
            continue
        other = {k: row.get(k) for k in options if row.get(k) != options[k]}
        if other:
            raise DataError(
                f"{path} holds records made with {other}, not {dict(options)}; use another file."
            )
        found.append(row)
    if last:
        replace_file(path, "".join(f"{line}\n" for line in lines).encode())
    return found


def append_record(store: str | Path, row: Mapping[str, Any]) -> None:
    """Write a record with its seal; NaN becomes null."""
    plain = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
    with Path(store).open("a", encoding="utf-8") as target:
        target.write(json.dumps(plain | {"seal": _seal(plain)}, allow_nan=False) + "\n")


def _whole(line: str) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def _seal(row: Mapping[str, Any]) -> str:
    """Hash of a record, so that a line that was edited by hand is found out."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def _opened(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        seal = row.pop("seal")
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{place} is no record: {error!r}.") from error
    if seal != _seal(row):
        raise DataError(f"{place} was changed after it was written; records are not rewritten.")
    return dict(row)
