"""Reading a landed text file line by line: numbers, byte offsets, encodings and damaged gzip streams.

This is the careful way, used when a fast read found something wrong or cannot name a line. It knows lines, not formats.
Offsets count bytes of the text, after decompression.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate, chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast

import polars as pl
from isal import isal_zlib

from sources.feed import UnreadableFileError

GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
# Larger blocks are slower: their memory is given back and taken anew each time.
BATCH_BYTES = 4 << 20
# The inflater grows its output buffer by copying: pieces of a megabyte take twice the CPU of these.
_PIECE_BYTES = 16 << 10
# Its type hint says an instance of Exception (isal 1.9).
_DAMAGED = cast(type[Exception], isal_zlib.error)


def is_gzip(path: Path) -> bool:
    """By content, not by name: exporters and browsers add and drop `.gz` without asking."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


class TextFile:
    """One pass over a plain or gzip file. `notes` says afterwards what was wrong with the file itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes, inflated, checksums verified (DuckDB inflates without). UnreadableFileError if damaged."""
        return self._inflated() if is_gzip(self.path) else self._raw()

    def batches(self) -> Iterator[pl.DataFrame]:
        """About 4 MB of lines at a time: row_number, line_number, byte_offset, text, problem (then text is null).

        Rows are lines that hold something; blank lines only count in line_number. Raises UnreadableFileError for
        UTF-16, UTF-32 and damaged gzip.
        """
        rest, offset, line, row = b"", 0, 0, 0
        for number, block in enumerate(self._blocks()):
            if number == 0:
                block, offset = without_mark(block)
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield (batch := _batch(whole, offset, line, row))
                offset, line, row = offset + len(whole) + 1, line + whole.count(b"\n") + 1, row + batch.height
        if rest.strip():
            batch = _batch(rest, offset, line, row)
            if self.notes:
                cut = "line is cut off: the gzip stream ends early"
                batch = batch.with_columns(text=pl.lit(None, pl.String), problem=pl.lit(cut))
            yield batch

    def _blocks(self) -> Iterator[bytes]:
        pieces, size = [], 0
        for piece in self.pieces():
            pieces.append(piece)
            size += len(piece)
            if size >= BATCH_BYTES:
                yield b"".join(pieces)
                pieces, size = [], 0
        if size:
            yield b"".join(pieces)

    def _raw(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def _inflated(self) -> Iterator[bytes]:
        """Every member of the gzip file. A stream that just stops gives what it holds; a wrong one fails the file."""
        inflater, read = isal_zlib.decompressobj(wbits=31), 0
        for piece in self._raw():
            read += len(piece)
            while piece:
                if inflater.eof:
                    piece = piece.lstrip(b"\x00")
                    inflater = isal_zlib.decompressobj(wbits=31)
                    continue
                try:
                    yield inflater.decompress(piece)
                except _DAMAGED as error:
                    raise UnreadableFileError(
                        f"gzip data is damaged before byte {read} of the file ({error})", "file"
                    ) from error
                piece = inflater.unused_data
        if not inflater.eof:
            self.notes.append(f"gzip stream ends early, after byte {read} of the file; the lines before that were read")


def byte_offsets(text: TextFile, line_numbers: Collection[int]) -> dict[int, int]:
    """Where these lines of a file begin."""
    wanted = pl.Series(sorted(line_numbers), dtype=pl.Int64).implode()
    frames = [batch.filter(pl.col("line_number").is_in(wanted)) for batch in text.batches()]
    return dict(pl.concat(frames).select("line_number", "byte_offset").iter_rows())


@contextmanager
def plain_file(text: TextFile, work_dir: Path) -> Iterator[Path | None]:
    """The file where DuckDB can read it: where it lies, else inflated in `work_dir` for as long as it takes.

    None when the file itself has something wrong; `text.notes` then says what.
    """
    if _is_readable_in_place(text.path):
        yield text.path
        return
    with scratch(work_dir, chain(text.pieces(), [b"\n"])) as plain:
        yield None if text.notes else plain


@contextmanager
def scratch(work_dir: Path, pieces: Iterable[bytes]) -> Iterator[Path]:
    """A file for DuckDB to read, gone afterwards."""
    with NamedTemporaryFile(dir=work_dir, suffix=".ndjson") as file:
        file.writelines(pieces)
        file.flush()
        yield Path(file.name)


def _is_readable_in_place(path: Path) -> bool:
    """DuckDB checks no gzip checksum, takes `*` in a name as a pattern, and reads past a last line without newline.

    The last holds for files of just over 32 MB (duckdb 2.0.0): the line gets what the buffer held before.
    """
    if is_gzip(path) or set("*?[") & set(str(path)):
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1))
        return file.read(1) == b"\n"


def without_mark(block: bytes) -> tuple[bytes, int]:
    """The first bytes of a text without a mark, and how long that is. UnreadableFileError for UTF-16 and UTF-32."""
    if block.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in block[:4]:
        raise UnreadableFileError("file is UTF-16 or UTF-32 (line 1, byte 0); expected UTF-8", "file", 1)
    return (block[len(UTF8_MARK) :], len(UTF8_MARK)) if block.startswith(UTF8_MARK) else (block, 0)


def _batch(whole: bytes, offset: int, line: int, row: int) -> pl.DataFrame:
    lines = whole.split(b"\n")
    offsets = list(accumulate((len(data) + 1 for data in lines), initial=offset))[:-1]
    try:
        texts: list[str | None] = [*whole.decode("utf-8").split("\n")]
        problems: list[str | None] = [None] * len(lines)
    except UnicodeDecodeError:
        decoded = [_decode(data, start) for data, start in zip(lines, offsets, strict=True)]
        texts, problems = [text for text, _ in decoded], [problem for _, problem in decoded]
    frame = pl.DataFrame(
        {
            "line_number": range(line + 1, line + 1 + len(lines)),
            "byte_offset": offsets,
            "text": texts,
            "problem": problems,
        },
        schema={"line_number": pl.Int64, "byte_offset": pl.Int64, "text": pl.String, "problem": pl.String},
    )
    held = frame.filter(pl.col("problem").is_not_null() | (pl.col("text").str.strip_chars() != ""))
    return held.select(pl.int_range(row + 1, row + 1 + pl.len(), dtype=pl.Int64).alias("row_number"), pl.all())


def _decode(data: bytes, offset: int) -> tuple[str | None, str | None]:
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return None, f"not UTF-8: byte 0x{data[error.start]:02x} at byte offset {offset + error.start}"
