"""Text tables in any separator, decimal sign and encoding; time columns in any unit."""

from __future__ import annotations

import contextlib
import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import InputError

_SEPARATORS = (",", ";", "\t", "|", r"\s+")
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_MOST = 1e20
"""Larger than any measurement: a program's mark for what is missing."""
_NOTHING = {"", "nan", "na", "n/a", "null", "none", "-", "inf", "-inf", "+inf", "#n/a", "missing"}
_TIME = re.compile(
    r"time|zeit|temps|tiempo|tempo|epoch|elapsed|clock|dat(e|um)\b|stamp|second|sekund|"
    r"^(t|s|ms|us|ns|m?secs?|fecha|unix|utc)$"
)
_FRAME = re.compile(
    r"(frames?|image|packet|sample)( ?(idx|index|id|no|nr|num|number|counter|count))?#?|counter"
)
_AXIS = re.compile(r"(?i:(^|[^a-z])[xyzuv]([^a-z]|$))|[a-z][XYZUV]$")
_TIME_UNITS = (
    (r"\bns\b|_ns|nano", 1e-9),
    (r"\bus\b|_us|µs|micro", 1e-6),
    (r"\bms(ec)?\b|_ms|milli|time ?ms", 1e-3),
    (r"\bmin\b|_min|minute", 60.0),
    (r"\bs\b|_s\b|\bsec|second|sekund", 1.0),
)
_PERIODS = (2.0**8, 2.0**16, 2.0**32, 86_400.0, 43_200.0, 86_400_000.0)
"""After which counters begin anew, and times of day (s, ms)."""


@dataclass(frozen=True)
class Table:
    """A text table: header lines from outside in, cells as text, and what stood above."""

    name: str
    header: list[list[str]]
    columns: list[list[str]]
    above: str
    decimal: str

    @property
    def names(self) -> list[str]:
        """Names of the columns: the header line that holds the most different words."""
        if not self.header:
            return []
        return max(self.header, key=lambda row: len({cell for cell in row if re.search("[A-Za-z]", cell)}))

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def read(self, column: int) -> np.ndarray:
        """Read a column of numbers; NaN for what the usual spellings call missing."""
        words = pd.Series(self.columns[column], dtype=str)
        if self.decimal == ",":
            plain = words.str.replace(r"\.(?=[\d.]*,)", "", regex=True).str.replace(",", ".")
        else:
            plain = words.str.replace(r",(?=\d{3}\.)", "", regex=True)  # 1,234.5
        values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, copy=True)
        bad = np.isnan(values) & ~words.str.strip().str.lower().isin(_NOTHING).to_numpy()
        if bad.any():
            row = int(np.argmax(bad))
            name = self.names[column] if column < len(self.names) else f"number {column + 1}"
            raise InputError(
                f"{self.name}, column '{name}', row {row + 1}: found '{words[row][:40]}', expected a number."
            )
        values[~(np.abs(values) <= _MOST)] = np.nan
        return values

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers."""
        try:
            return bool(np.isfinite(self.read(column)).any())
        except InputError:
            return False


def read_words(path: Path) -> str:
    """Decode a text file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror}).") from None
    encodings = ["utf-8-sig", "cp1252", "latin-1"]
    if raw[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        encodings = ["utf-32"]
    elif raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif (
        len(raw) > 3 and sum(zeros := (raw[:400:2].count(0), raw[1:400:2].count(0))) > 100 and not min(zeros)
    ):
        encodings = ["utf-16-le" if zeros[1] else "utf-16-be"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise InputError(f"{path.name}: expected a text file, found an unreadable encoding.")
    if "\0" in text[:4000]:
        raise InputError(f"{path.name}: expected a text table, found binary content.")
    if not text.strip():
        raise InputError(f"{path.name}: the file is empty.")
    return text


def parse_table(name: str, text: str) -> Table:
    """Find separator, decimal sign and header lines of a text table, and cut it into cells."""
    lines = [line for line in text.splitlines() if line.strip(" \r")]
    rest = [line for line in lines if not line.lstrip().startswith(("#", "//", "sep="))]
    above = [line for line in lines if line.lstrip().startswith(("#", "//", "sep="))]
    scores = {one: _score(rest, one) for one in _SEPARATORS}
    separator = max(scores, key=scores.get)
    rows = [_cut(line, separator) for line in rest]
    data = [n for n, row in enumerate(rows) if _is_data(row)]
    if not data or scores[separator] == 0:
        raise InputError(f"{name}: not a table of numbers: no line of numbers found.")
    width = int(np.bincount([len(rows[n]) for n in data]).argmax())
    # A line of separators alone is a sample in which everything is missing, but only among samples.
    spoken = [any(cell.strip() for cell in row) for row in rows]
    among = [data[0] < n < data[-1] and len(row) > 1 for n, row in enumerate(rows)]
    first = sum(spoken[: data[0]])
    rows = [row for row, *kept in zip(rows, spoken, among, strict=True) if any(kept)]
    header = [row for row in rows[:first] if abs(len(row) - width) <= 1]
    if not header and above and abs(len(_cut(above[-1].lstrip("#/ "), separator)) - width) <= 1:
        header = [_cut(above.pop().lstrip("#/ "), separator)]
    above += [separator.join(row) for row in rows[:first] if row not in header]
    names_width = max([len(_strip(row)) for row in header], default=width)
    body, faults = [], []
    for n, row in enumerate(rows[first:], start=first):
        row = (
            row
            if len(row) <= names_width or any(word.strip() for word in row[names_width:])
            else row[:names_width]
        )
        if len(row) > max(width, names_width) or (len(row) < min(width, names_width) - 1):
            faults.append((n, len(row)))
            continue
        body.append(row)
    # A file that ends in the middle of a line lost its last sample only.
    if faults and not (len(faults) == 1 and faults[0][0] == len(rows) - 1):
        row, found = faults[0]
        raise InputError(f"{name}, row {row + 1}: found {found} cells, expected {width}.")
    used = max(names_width, width if header == [] else names_width)
    if header and any(len(_strip(row)) > names_width for row in body):
        raise InputError(
            f"{name}: rows hold more cells ({width}) than the header names columns ({names_width})."
        )
    header, body = (
        [[word.strip().strip("\"'") for word in (row + [""] * used)[:used]] for row in rows]
        for rows in (header, body)
    )
    columns = [list(column) for column in zip(*body, strict=True)]
    sample = [word for row in body[:50] for word in row]
    comma = sum("," in word for word in sample) > sum("." in word for word in sample)
    return Table(name, header, columns, "\n".join(above), "," if comma else ".")


def _strip(row: list[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]


def _cut(line: str, separator: str) -> list[str]:
    if separator == r"\s+":
        return line.split()
    if '"' in line:
        with contextlib.suppress(csv.Error):  # such as one value of more than 128 kB
            return next(csv.reader([line], delimiter=separator), [])
    return line.split(separator)


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word.strip().strip("\"'")) is not None


def _is_data(row: list[str]) -> bool:
    """Mostly numbers where anything stands, and some."""
    filled = [word for word in row if word.strip().lower() not in _NOTHING]
    numbers = sum(_is_number(word) for word in filled)
    return numbers > 0 and numbers >= 0.5 * len(filled)


def _score(lines: list[str], separator: str) -> float:
    """How many numbers a separator gives per line, in lines of equal width."""
    lines = [line for line in lines if line.strip(" \t\r,;|")]
    sample = lines[len(lines) // 3 :][:40]
    rows = [_cut(line.strip("\r\n"), separator) for line in sample]
    counts = [sum(_is_number(word) for word in row) for row in rows]
    words = [sum(bool(word.strip()) for word in row) for row in rows]
    share = sum(counts) / max(sum(words), 1)
    return float(np.median(counts)) * share**2 if counts else 0.0


def clean_name(name: str) -> str:
    """Lower-case words of a column name, without units in brackets."""
    text = re.sub(r"\(.*?\)|\[.*?\]", "", str(name))
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return " ".join(word for word in re.split(r"[^A-Za-z0-9#]+", text.lower()) if word)


def find_time(table: Table) -> tuple[np.ndarray | None, np.ndarray | None, set[int]]:
    """Find times (s), frame numbers and their columns, by name or because they alone rise evenly."""
    time_s = frames = None
    names = table.names or [""] * len(table.columns)
    cleaned = list(map(clean_name, names))
    used = {n for n, words in enumerate(cleaned) if _FRAME.fullmatch(words)}
    if cleaned and cleaned[0] in ("", "index", "scorer", "bodyparts", "coords") and table.header:
        used.add(0)
    for n in sorted(used):
        if frames is None and table.is_numeric(n):
            frames = unwrap(table.read(n))
    named = [n for n, name in enumerate(names) if n not in used and is_time(name)]
    for n in named:
        # A word such as 'date' beside a time of day does not rise; a column that is called time must.
        sure = re.match("time|t$", cleaned[n]) and n == named[-1]
        try:
            values = _read_time(table, n, names[n])
        except InputError:
            if sure:
                raise
            continue
        if sure or values[-1] > 0:
            time_s = values
            used.add(n)
            break
    if time_s is None and frames is None:
        for n, name in enumerate(names):
            if not _AXIS.search(name) and table.is_numeric(n) and _rises_evenly(values := table.read(n)):
                time_s = (values - values[0]) * guess_unit(" ".join([name, *_get_units(table, n)]), values)
                used.add(n)
                break
    if frames is not None:
        steps = np.diff(frames[np.isfinite(frames)])
        if len(steps) == 0 or not np.isfinite(frames).all() or (steps < 0).any() or not (steps > 0).any():
            frames = None
    if time_s is not None and frames is None and np.median(np.diff(time_s)) == 1.0:
        frames, time_s = time_s, None  # a count of samples under the name of time
    return time_s, frames, used


def is_time(name: str) -> bool:
    """Whether a name may be that of a time."""
    return bool(_TIME.search(clean_name(name))) and not _AXIS.search(name)


def _get_units(table: Table, column: int) -> list[str]:
    return [row[column] for row in table.header if column < len(row)]


def _rises_evenly(values: np.ndarray) -> bool:
    steps = np.diff(values)
    usual = float(np.median(steps)) if len(steps) > 20 and np.isfinite(steps).all() else 0.0
    return usual > 0 and bool(
        (steps > 0).all() and (np.abs(steps / usual - np.round(steps / usual)) < 0.1).all()
    )


def _read_time(table: Table, column: int, name: str) -> np.ndarray:
    if table.is_numeric(column):
        values = unwrap(table.read(column))
        _check_times(table.name, name, values)
        return (values - values[0]) * guess_unit(" ".join([name, *_get_units(table, column)]), values)
    words = pd.Series(table.columns[column], dtype=str).str.replace(r",(?=\d+\D*$)", ".", regex=True)
    stamps = pd.to_datetime(words, errors="coerce", utc=True, format="mixed")
    if stamps.isna().any():
        seconds = pd.to_timedelta(words, errors="coerce").dt.total_seconds().to_numpy()
    else:
        seconds = (stamps - stamps.iloc[0]).dt.total_seconds().to_numpy()
    if not np.isfinite(seconds).all():
        row = int(np.argmax(~np.isfinite(seconds)))
        raise InputError(
            f"{table.name}, column '{name}', row {row + 1}: found '{words.iloc[row][:40]}', expected a time."
        )
    seconds = unwrap(seconds)
    _check_times(table.name, name, seconds)
    return seconds - seconds[0]


def unwrap(values: np.ndarray) -> np.ndarray:
    """Go on counting where a counter began anew, or a time of day at midnight."""
    steps = np.diff(values)
    back = steps < 0
    if not back.any() or not (steps > 0).any():
        return values
    usual = float(np.median(steps[steps > 0]))
    for period in _PERIODS:
        on = steps[back] + period
        if ((on > 0) & (on < 100 * usual)).all():
            return values[0] + np.r_[0.0, np.cumsum(np.where(back, steps + period, steps))]
    return values


def _check_times(source: str, name: str, values: np.ndarray) -> None:
    bad = ~np.isfinite(values) | np.r_[False, ~(np.diff(values) >= 0)]
    if bad.any() or len(values) < 2:
        row = int(np.argmax(bad))
        raise InputError(
            f"{source}, column '{name}', row {row + 1}: expected times that rise from row to row, found "
            f"{values[max(row - 1, 0)] if len(values) else 'none'} and then "
            f"{values[row] if len(values) else ''}."
        )


def guess_unit(said: str, values: np.ndarray) -> float:
    """Seconds per unit of times: as their name or a line of units says, else by the usual rates."""
    said, steps = said.lower(), np.diff(values)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    if re.search(r"sample ?time ?fine", said):
        return next((unit for unit in (1e-6, 1e-4, 1e-3) if 9 <= 1 / (step * unit) <= 1100), 1e-4)
    for pattern, unit in _TIME_UNITS:
        if re.search(pattern, said) and 5 <= 1 / (step * unit) <= 5000:
            return unit
    rates = (unit for unit in (1.0, 1e-3, 1e-6, 1e-9) if 9 <= 1 / (step * unit) <= 900 and step != 1.0)
    return next(rates, 1.0)
