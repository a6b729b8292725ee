r"""CSV from people, read by one set of rules: payouts, imports and member lists. Pure.

Python's csv splits the cells; here is what it would let pass. A row is read as it is written or
refused with its line, and nothing is guessed: a guess about money pays somebody twice::

    vehicle,tokens,request      9,420,run-9          -> CsvRecord(2, ["9", "420", "run-9"])
                                9,420,000,run-9      -> row: 4 cells under 3 columns
                                9,"420,run-9         -> row: a quote is opened and never closed
                                9,4"20",run-9        -> row: a quote in a cell that begins with none
    vehicle,tokens,tokens                            -> column 'tokens' stands twice

The text is UTF-8, with a byte order mark or without. LF, CRLF and CR end a line, mixed as they
come; a line of nothing but spaces is no row. A quoted cell may hold line ends. Behind a row whose
quotes do not add up nobody knows where the next one begins, so reading ends there. A column may be
without a name when nothing stands below it, or when it is the first, where data frames number
their rows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec

from psd.errors import InputError, MalformedError, TooLargeError

ROW_BYTES_MAX = 131_072
"""As long as a cell may be for Python's csv, whose own limit all of a process shares: it is never
the one that is met, and a quote that nobody closes holds no more memory than this."""

SHOWN_CHARACTERS = 100

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LOST = "; what follows cannot be read"


class CsvRecord(msgspec.Struct, frozen=True, gc=False):
    """A row: the line that it begins in and its cells, or the line and the rule that it breaks."""

    line: int
    cells: list[str]
    error: InputError | None = None


class Table:
    """Rows under a heading, which is read at once; rows are read as they are asked for.

    ``line`` is that of the heading. Raises an InputError for a heading that is none.
    """

    def __init__(self, chunks: Iterable[bytes], delimiter: str = ",") -> None:
        self._records = read_records(chunks, delimiter)
        nothing = CsvRecord(1, [], MalformedError("a line of column names is missing"))
        [heading] = unbroken([next(self._records, nothing)])
        self.line = heading.line
        self.columns = _names(heading)
        self._unnamed = [at for at, name in enumerate(self.columns) if at and not name]

    def __iter__(self) -> Iterator[CsvRecord]:
        """Every row, also those that break a rule."""
        width = len(self.columns)
        for record in self._records:
            if record.error is None and (len(record.cells) != width or self._unnamed):
                yield self._judged(record, width)
            else:
                yield record

    def _judged(self, record: CsvRecord, width: int) -> CsvRecord:
        cells = record.cells
        if len(cells) != width:
            message = f"row: {len(cells)} cells under {width} columns"
        elif any(cells[at].strip() for at in self._unnamed):
            message = "row: a cell under a column without a name"
        else:
            return record
        return CsvRecord(record.line, [], MalformedError(message))


def unbroken(records: Iterable[CsvRecord]) -> Iterator[CsvRecord]:
    """The same rows; the first that breaks a rule raises its error, with the line in front."""
    for record in records:
        if record.error is not None:
            raise type(record.error)(f"line {record.line}: {record.error}")
        yield record


def read_records(chunks: Iterable[bytes], delimiter: str = ",") -> Iterator[CsvRecord]:
    """Every row of a text that comes in parts of any size; a heading is a row like the others."""
    return _RecordReader(chunks, delimiter).records()


def _names(heading: CsvRecord) -> list[str]:
    names = [cell.strip() for cell in heading.cells]
    if not any(names):
        raise MalformedError(f"line {heading.line}: a line of column names is missing")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            shown = name[:SHOWN_CHARACTERS]
            raise MalformedError(f"line {heading.line}: column {shown!r} stands twice")
        if name:
            seen.add(name)
    return names


class _RecordReader:
    """Feeds lines to csv.reader, and keeps those of the row that it is in to judge and name it."""

    def __init__(self, chunks: Iterable[bytes], delimiter: str) -> None:
        between = re.escape(delimiter)
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"\r\n{between}]*+)'
        self._cells = re.compile(rf"{cell}(?:{between}{cell})*+")
        self._delimiter = delimiter
        self._held: list[str] = []
        self._fault: InputError | None = None
        self._fault_at = 0
        self._is_lost = False
        self._rows = csv.reader(self._fed(chunks), delimiter=delimiter, strict=True)

    def records(self) -> Iterator[CsvRecord]:
        """Rows until the text ends, or until nobody knows where the next one begins."""
        while not self._is_lost:
            try:
                yield from self._plain_records()
            except csv.Error as exc:
                self._judge(str(exc))
            if self._fault is not None:
                yield CsvRecord(self._line(), [], self._fault)
            self._held.clear()
            self._fault, self._fault_at = None, 0

    def _plain_records(self) -> Iterator[CsvRecord]:
        """Rows up to the next one that breaks a rule, or to the end."""
        held = self._held
        for cells in self._rows:
            if len(cells) < 2 or len(held) > 1 or '"' in held[0] or self._fault:
                self._judge()
                if self._fault is not None:
                    return
                if len(cells) < 2 and not "".join(held).strip():
                    held.clear()
                    continue
            record = CsvRecord(self._rows.line_num - len(held) + 1, cells)
            held.clear()
            yield record
        self._is_lost = True

    def _line(self) -> int:
        """The line of the fault, by its place in the lines that are held."""
        before = sum(end <= self._fault_at for end in accumulate(map(len, self._held)))
        return self._rows.line_num - len(self._held) + 1 + before

    def _judge(self, otherwise: str = "") -> None:
        """Hold a row's quotes against RFC 4180; ``otherwise`` is what csv itself has against it."""
        text = "".join(self._held)
        found = self._cells.match(text)
        at = found.end() if found else 0
        if text[at : at + 1] == '"' and (at == 0 or text[at - 1] == self._delimiter):
            self._note(at, "a quote is opened and never closed", is_lost=True)
        elif text[at:].strip("\r\n"):
            is_inside = text[at] == '"'
            rule = (
                "a quote in a cell that begins with none"
                if is_inside
                else "text behind a closing quote"
            )
            self._note(at, rule, is_lost=text.count('"') % 2 == 1)
        elif otherwise:
            self._note(at, otherwise, is_lost=True)

    def _note(self, at: int, message: str, *, is_lost: bool = False) -> None:
        if self._fault is None:
            self._fault, self._fault_at = MalformedError(f"row: {message}"), at
        if is_lost and not self._is_lost:
            self._fault, self._is_lost = MalformedError(f"{self._fault}{_LOST}"), True

    def _fed(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """The lines of the text; a fault of one that leaves the others readable is only noted."""
        held = self._held
        size = 0
        for lines in _whole_lines(chunks):
            for line in lines:
                size = size + len(line) if held else len(line)
                if size > ROW_BYTES_MAX:
                    self._end_at_long_row()
                    return
                try:
                    text = line.decode()
                except UnicodeDecodeError as exc:
                    text = line.decode(errors="replace")
                    self._note(sum(map(len, held)), f"not UTF-8 (byte 0x{line[exc.start]:02x})")
                if "\0" in text:
                    self._note(sum(map(len, held)), "a byte that is 0")
                held.append(text)
                yield text

    def _end_at_long_row(self) -> None:
        rule = "a quote is not closed within" if self._held else "longer than"
        self._fault = TooLargeError(f"row: {rule} {ROW_BYTES_MAX:,} bytes{_LOST}")
        self._is_lost = True


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lists of lines with their ends; the last line may be without one, or too long to be whole."""
    rest = b""
    is_first = True
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # A CR at the end of a chunk may be half of a CRLF.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if is_first and lines:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            is_first = False
        yield lines
        if len(rest) > ROW_BYTES_MAX:
            break
    yield [rest.removeprefix(_BYTE_ORDER_MARK) if is_first else rest] if rest else []
