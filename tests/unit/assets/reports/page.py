"""Reading a report back: tables by id, text by id, every tag and attribute."""

from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The cells of every table, the text under every id, and all start tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self._table = ""
        self._ids: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag in {"meta", "br", "link", "img"}:
            return
        self._open.append(attributes.get("id", ""))
        if tag == "table":
            self._table = attributes["id"].removeprefix("table-")
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in {"td", "th"}:
            self.tables[self._table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()
        if tag == "table":
            rows = self.tables[self._table]
            self.tables[self._table] = [[cell.strip() for cell in row] for row in rows]
            self._table = ""

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._open):
            self.texts[name] = self.texts.get(name, "") + data
        if self._table and self.tables[self._table] and self.tables[self._table][-1]:
            self.tables[self._table][-1][-1] += data
