"""Cutting erased users out of files: what stays of an entry, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.cutting import cut
from psd.archive.decisions import entry_of
from psd.archive.entries import Entry
from psd.archive.erasures import Erasure, UserErased
from psd.archive.files import DayFiles
from psd.archive.order import Stamp
from psd.archive.reader import Span, read_placed
from psd.erasing.entry_edits import EntryEdit
from psd.queries.boards.decisions import MembersChanged
from psd.users import user_of

NOW_MS = 1_460_462_400_000
AL = user_of("al")
GONE = Erasure(100, UserErased(version=1, uid=AL, alias=5, by="ops", note="", time_s=1))
EDIT = EntryEdit({AL: GONE}, {"signals"})


def entry(message: Any, *, packed: bool = False) -> Entry:
    encode = msgspec.msgpack.encode if packed else msgspec.json.encode
    return Entry(NOW_MS, "", encode(message))


def metric(**fields: Any) -> dict[str, Any]:
    return {"thing": "steps", "value": 1, **fields}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("uid", ["al", AL, str(AL)])
def test_a_message_of_an_erased_user_goes_however_he_is_called(uid: Any, packed: bool) -> None:
    one = entry({"command": "metric", "metric": metric(uid=uid)}, packed=packed)
    taken = entry({"command": "withdraw", "withdraw": {"uid": uid, "aid": 1}}, packed=packed)
    assert EDIT(one, 99) is None
    assert EDIT(taken, 99) is None
    assert EDIT(one, 100) is one
    listed = entry(
        {"command": "metrics", "metrics": [metric(uid=uid), metric(uid=7, extra=1)]}, packed=packed
    )
    left = EDIT(listed, 99)
    due = {"command": "metrics", "metrics": [metric(uid=7, extra=1)]}
    assert left is not None
    assert left == entry(due, packed=packed)
    alone = entry({"command": "metrics", "metrics": [metric(uid=uid)]}, packed=packed)
    assert EDIT(alone, 99) is None


@pytest.mark.parametrize(
    "body",
    [
        b"no message",
        b"[]",
        b'{"command":"metric"}',
        b'{"command":"metric","metric":{"uid":"007"}}',
        b'{"command":"metric","metric":{"uid":1.5}}',
        b'{"command":"count","count":{"thing":"al"}}',
        b'{"command":"metrics","metrics":[{"uid":7}]}',
        b'{"command":"metric","metric":{"thing":"signals","uid":"al"}}',
        b'{"command":"decision","decision":{"kind":"of_tomorrow"}}',
    ],
)
def test_whatever_is_no_message_of_his_stays_as_it_is(body: bytes) -> None:
    kept = Entry(NOW_MS, "id", body)
    assert EDIT(kept, 99) is kept


def test_a_change_of_members_stays_without_him() -> None:
    change = MembersChanged(
        version=9, name="a", id="0" * 16, add=[AL, 7], remove=[], is_all=True, names=["al", "bo"]
    )
    left = EDIT(entry_of(change, NOW_MS), 99)
    due = msgspec.structs.replace(change, add=[7], names=["bo"])
    assert left == entry_of(due, NOW_MS)


def written(folder: Path, *entries: Entry, numbers: range = range(1, 3)) -> Path:
    """A file that nobody writes any more, of the same entries in several frames."""
    files = DayFiles(folder, 0)
    for number in numbers:
        files.write(entries, Stamp(NOW_MS * 1000 + number, NOW_MS))
    files.close()
    [path] = folder.rglob("*.psda")
    return path


HIS = entry({"command": "metric", "metric": metric(uid="al")})
OTHERS = entry({"command": "metric", "metric": metric(uid=7)})
EVER = EntryEdit({AL: msgspec.structs.replace(GONE, number=1 << 62)}, ())


def test_a_file_is_cut_once_and_its_entries_keep_their_numbers(tmp_path: Path) -> None:
    written(tmp_path, HIS, OTHERS)
    before = [each for each in read_placed(tmp_path, Span()) if each.entry == OTHERS]
    found = cut(tmp_path, EVER)
    assert (found.files, found.rewritten, found.entries, found.left) == (1, 1, 2, 0)
    assert list(read_placed(tmp_path, Span())) == before
    assert cut(tmp_path, EVER).rewritten == 0


def test_a_file_with_nothing_of_his_keeps_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, OTHERS)
    before = path.read_bytes(), path.stat().st_ino
    assert cut(tmp_path, EVER).rewritten == 0
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_a_file_of_which_nothing_is_left_goes(tmp_path: Path) -> None:
    path = written(tmp_path, HIS)
    assert cut(tmp_path, EVER).rewritten == 1
    assert not path.exists()


def test_spoiled_bytes_stay_where_they_were(tmp_path: Path) -> None:
    path = written(tmp_path, OTHERS, HIS, numbers=range(1, 2))
    whole = path.read_bytes()
    path.write_bytes(b"spoilt" + whole + b"torn")
    assert cut(tmp_path, EVER).rewritten == 1
    left = path.read_bytes()
    assert left.startswith(b"spoilt")
    assert left.endswith(b"torn")
    assert [each.entry for each in read_placed(tmp_path, Span())] == [OTHERS]


def test_a_file_that_is_being_written_is_left_and_what_a_killed_cut_left_goes(
    tmp_path: Path,
) -> None:
    files = DayFiles(tmp_path, 0)
    files.write([HIS], Stamp(NOW_MS * 1000, NOW_MS))
    [path] = tmp_path.rglob("*.psda")
    abandoned = path.with_name(path.name + ".cut")
    abandoned.write_bytes(b"half")
    found = cut(tmp_path, EVER)
    assert (found.rewritten, found.left) == (0, 1)
    assert not abandoned.exists()
    files.close()
    assert cut(tmp_path, EVER).rewritten == 1


def test_files_for_which_there_is_no_time_are_told(tmp_path: Path) -> None:
    written(tmp_path, HIS)
    found = cut(tmp_path, EVER, until_s=0)
    assert (found.files, found.left) == (0, 1)
