"""Settings files as text with line numbers: YAML and CSV readers that keep every value as it was written.

No value is turned into a number here, so `1.10` reaches its field as the decimal 1.10. What a value must be is said in
`sources.settings.models`.
"""

import csv
import difflib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sources.home import HomeError

Path_ = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one settings file."""

    file: str
    line: int
    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.file
        name = f", {self.field}" if self.field else ""
        return f"{where}{name}: found {self.found}; allowed: {self.allowed}"


class SettingsError(HomeError):
    """The settings of a home cannot be used; holds every problem of every file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the settings:\n{lines}")


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest allowed value, or nothing."""
    near = difflib.get_close_matches(found, sorted(set(allowed)), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass
class Document:
    """A YAML file: its data with scalars as text, and the line of every value and key."""

    file: str
    data: Any = None
    lines: dict[Path_, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: Path_) -> int:
        """The line of the value at `path`, or of what is nearest above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(path: Path, name: str) -> Document:
    """Read a YAML file; what is no YAML becomes a problem of the document."""
    document = Document(name)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)
    except UnicodeDecodeError as error:
        document.problems.append(
            Problem(name, 1, "", f"bytes that are not UTF-8 at offset {error.start}", "UTF-8 text")
        )
        return document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        document.problems.append(Problem(name, line, "", f"no YAML ({error.problem or error.context})", "YAML"))
        return document
    if node is not None:
        document.data = _value(node, (), document)
    return document


def _value(node: yaml.Node, path: Path_, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _mapping(node: yaml.MappingNode, path: Path_, document: Document) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in result:
            allowed = f"each name once (first on line {document.lines[(*path, key)]})"
            document.problems.append(Problem(document.file, line, dotted((*path, key)), "the name again", allowed))
        document.lines[(*path, key)] = line
        result[key] = _value(value_node, (*path, key), document)
    return result


def dotted(path: Path_) -> str:
    """A path as people write it: nodes[0].gpus."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass
class Sheet:
    """A CSV file: rows as text without their empty cells, each with the line it starts on."""

    file: str
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_csv(path: Path, name: str, columns: tuple[str, ...], required: tuple[str, ...]) -> Sheet:
    """Read a CSV file with a header; lines that start with # are comments."""
    sheet = Sheet(name)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        sheet.problems.append(Problem(name, 1, "", f"bytes that are not UTF-8 at offset {error.start}", "UTF-8 text"))
        return sheet
    header: list[str] | None = None
    for line, cells in _records(text):
        if header is None:
            header = [cell.strip() for cell in cells]
            sheet.problems.extend(_header_problems(name, line, header, columns, required))
            if sheet.problems:
                break
        elif len(cells) != len(header):
            allowed = f"{len(header)} cells as in the header"
            sheet.problems.append(Problem(name, line, "", f"{len(cells)} cells", allowed))
        else:
            pairs = zip(header, (cell.strip() for cell in cells), strict=True)
            sheet.rows.append((line, {key: cell for key, cell in pairs if cell}))
    if header is None:
        sheet.problems.append(Problem(name, 1, "", "no header", ", ".join(columns)))
    return sheet


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    last_line = 0
    for cells in reader:
        line, last_line = last_line + 1, reader.line_num
        if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):
            yield line, cells


def _header_problems(
    name: str, line: int, header: list[str], columns: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[Problem]:
    allowed = ", ".join(columns)
    for column in header:
        if column not in columns:
            yield Problem(name, line, column, "an unknown column", allowed + did_you_mean(column, columns))
    for column in sorted(set(header)):
        if header.count(column) > 1:
            yield Problem(name, line, column, "the column twice", "each column once")
    for column in required:
        if column not in header:
            yield Problem(name, line, column, "no such column", f"a header with {allowed}")
