import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources import lines
from sources.lines import TextFile

parts = st.lists(
    st.sampled_from([b"one", b"", b"  ", b"caf\xc3\xa9", b"caf\xe9", b"two,three", b"x" * 40]), max_size=30
)


@given(parts, st.booleans(), st.booleans(), st.integers(min_value=1, max_value=64))
def test_every_line_is_found_at_its_number_and_offset(
    content: list[bytes], is_packed: bool, has_last_newline: bool, batch_bytes: int
) -> None:
    """Whatever the block size: numbers and offsets are those of the whole text, blank lines only count as lines."""
    data = b"\n".join(content) + (b"\n" if has_last_newline else b"")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BATCH_BYTES", batch_bytes)
        patch.setattr(lines, "_PIECE_BYTES", 7)
        path = Path(folder) / "file"
        path.write_bytes(gzip.compress(data) if is_packed else data)
        text = TextFile(path)
        batches = list(text.batches())
    found = pl.concat(batches).rows() if batches else []
    expected: list[tuple[object, ...]] = []
    offset = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            is_text = line != b"caf\xe9"
            problem = None if is_text else f"not UTF-8: byte 0xe9 at byte offset {offset + 3}"
            expected.append((len(expected) + 1, number, offset, line.decode() if is_text else None, problem))
        offset += len(line) + 1
    assert found == expected
    assert text.notes == []


def test_members_of_a_gzip_file_and_padding_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"one\nt") + gzip.compress(b"wo\n") + b"\x00" * 20)
    (batch,) = TextFile(path).batches()
    assert batch["text"].to_list() == ["one", "two"]


def test_offsets_behind_a_byte_order_mark_count_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfone\ntwo\n")
    (batch,) = TextFile(path).batches()
    assert batch["byte_offset"].to_list() == [3, 7]
