"""Reading a log of JSON lines by a mapping straight to Parquet, as long as nothing in the file is wrong.

DuckDB reads the lines, takes each object and each JSON text in them apart once, and writes what it made of them in the
same pass: memory does not grow with the file. It cannot say which line is at fault, so a file with any fault, or with
anything the two ways might see differently, is read by mapped.py instead, which can.
"""

import json
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import duckdb

from sources.feed import LandedFile, ReadContext, ReadResult
from sources.lines import TextFile, plain_file
from sources.mapped import (
    FIELD_SAMPLE_ROWS,
    Layout,
    judged_texts,
    places,
    read_mapped,
    split_place,
    start_judging,
    texts_of,
    unescaped_steps,
    unknown_fields,
)
from sources.reading import copy_good_rows, finish, literal

_SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
# As from_json takes it: a key is a text or has keys of its own.
Tree = dict[str, Any]


def read_log(
    layout: Layout, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    """One landed file of any form to lake Parquet. Raises UnreadableFileError when nothing in it can be kept."""
    if file.path.name.endswith(_SUFFIXES) and _is_copied(layout, file, context, out_parquet):
        return finish(
            context.connection,
            out_parquet,
            out_rejects,
            [],
            time_column=layout.time_column,
            may_be_empty=layout.may_be_empty,
            unknown_fields=_unknown_fields(file.path, layout),
        )
    return read_mapped(layout, file, context, out_parquet, out_rejects)


def _is_copied(layout: Layout, file: LandedFile, context: ReadContext, out_parquet: Path) -> bool:
    """Whether every record that is a row of the table got into the Parquet."""
    start_judging(layout, file, context)
    names = ", ".join(f'"{name}"' for name in layout.columns)
    with plain_file(TextFile(file.path), context.work_dir) as plain:
        texts = _texts_sql(layout, plain) if plain else None
        if texts is None:
            return False
        rows = f"select {names} from ({judged_texts(layout, texts)})"
        try:
            return copy_good_rows(context.connection, rows, "problem", out_parquet) == 0
        except duckdb.InvalidInputException:
            return False  # a line that is not JSON or not UTF-8, a key twice, or no object where others have one


def _texts_sql(layout: Layout, path: Path) -> str | None:
    """What the records say, as texts, with a problem where mapped.py has to look.

    None where the mapping asks for something and for a part of it, or for an item of a list.
    """
    texts: dict[str, list[str]] = {}
    for outer, inner in map(split_place, dict.fromkeys(places(layout))):
        texts.setdefault(outer, []).extend([inner] if inner else [])
    record = _tree(texts)
    trees = {outer: _tree(inner) for outer, inner in texts.items() if inner}
    if record is None or None in trees.values() or len({name.lower() for name in record}) < len(record):
        return None
    columns = ", ".join(f"{literal(name)}: {literal(_type(below))}" for name, below in record.items())
    parsed, doubts = [], [f"coalesce({', '.join(_field('record', outer) for outer in texts)}) is null"]
    names = {outer: f"inner_{number}" for number, outer in enumerate(trees)}
    for outer, tree in trees.items():
        text, name = f"nullif({_field('record', outer)}, '')", names[outer]
        parsed.append(f", try(from_json({text}, {literal(json.dumps(tree))})) as {name}")
        # JSON that cannot be taken apart has a key twice.
        doubts.append(f"{name} is null and {text} <> 'null' and json_valid({text})")

    def text_at(place: str) -> str:
        outer, inner = split_place(place)
        return _field(names[outer], inner) if inner else _field("record", outer)

    relation = f"""(
        select *, case when {" or ".join(f"({doubt})" for doubt in doubts)} then 'not sure' end as problem
        from (
            select
                row_number() over () as row_number, null as line_number, null as byte_offset,
                record {"".join(parsed)}
            from read_json(
                {literal(path)}, format = 'newline_delimited', compression = 'none', records = true,
                columns = {{{columns}}}
            ) as record
        )
    )"""
    return texts_of(layout, relation, text_at)


def _tree(pointers: Iterable[str]) -> Tree | None:
    """The pointers as one structure of texts."""
    tree: Tree = {}
    for pointer in pointers:
        *above, last = steps = unescaped_steps(pointer)
        node = tree
        for step in above:
            below = node.setdefault(step, {})
            if isinstance(below, str):
                return None
            node = below
        if isinstance(node.setdefault(last, "VARCHAR"), dict) or any(step.isdigit() for step in steps):
            return None
    return tree


def _type(below: Tree | str) -> str:
    if isinstance(below, str):
        return below
    return f"STRUCT({', '.join(f'{_quoted(name)} {_type(more)}' for name, more in below.items())})"


def _field(column: str, pointer: str) -> str:
    return ".".join((column, *map(_quoted, unescaped_steps(pointer))))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unknown_fields(path: Path, layout: Layout) -> dict[str, int]:
    if not layout.known_fields:
        return {}
    records = chain.from_iterable(batch["text"] for batch in TextFile(path).batches())
    return unknown_fields(islice(records, FIELD_SAMPLE_ROWS), layout)
