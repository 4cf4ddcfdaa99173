"""Price book versions: all that prices calls. Each one a run has used stays in the home, under prices/versions.

A version is the public book, the project's own entries and the company's contracts, named by a hash of all three.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sources.home import Home
from sources.lake import put, unfinished
from sources.pricing import snapshot, stored
from sources.pricing.entries import PriceEntry, own_entries
from sources.pricing.snapshot import Snapshot
from sources.settings import Settings, load_contracts
from sources.settings.models import Contract, ContractTerm

LIST, CURRENT, INSTALLED = "list", "current", "installed"


@dataclass(frozen=True, eq=False)
class Book:
    """What prices calls: the public book, the project's entries on top, what the company pays."""

    public: Snapshot
    entries: tuple[PriceEntry, ...]
    contracts: tuple[Contract, ...]
    # Of provisioned capacity, which calls are covered by.
    terms: tuple[ContractTerm, ...] = ()

    @cached_property
    def version(self) -> str:
        parts = [self.public.source.sha256, *_plain(self).values()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _plain(book: Book) -> dict[str, list[Any]]:
    return {
        "entries": [entry.model_dump(mode="json") for entry in book.entries],
        "contracts": [contract.model_dump(mode="json") for contract in book.contracts],
        "terms": [term.model_dump(mode="json") for term in book.terms],
    }


def current(home: Home, settings: Settings) -> Book:
    """The book that the next run prices by."""
    capacity = tuple(term for term in settings.contract_terms if term.kind == "provisioned")
    return Book(stored.current(home), own_entries(), settings.contracts_usd, capacity)


def note_use(home: Home, book: Book) -> None:
    """Keep the book, and note that the pricing tables of the lake are of it."""
    path = _folder(home) / f"{book.version}.json.gz"
    if not path.is_file():
        public = stored.PublicBook.of(book.public, "", [])
        stored.write_packed(path, {"public": asdict(public), **_plain(book)})
    temporary = unfinished(_used(home))
    temporary.write_text(book.version + "\n", encoding="utf-8")
    put(temporary, _used(home))


def used_version(home: Home) -> str:
    """The version the pricing tables are of; empty before there are any."""
    return _used(home).read_text(encoding="utf-8").strip() if _used(home).is_file() else ""


def _used(home: Home) -> Path:
    return home.lake / "pricing" / "book_version"


def _folder(home: Home) -> Path:
    return home.prices / "versions"


def used_versions(home: Home) -> list[str]:
    return sorted(path.name.split(".")[0] for path in _folder(home).glob("*.json.gz"))


def read_version(home: Home, version: str) -> Book:
    def parse(raw: Mapping[str, Any]) -> Book:
        public = stored.PublicBook(**raw["public"]).snapshot
        entries = (PriceEntry.model_validate(entry) for entry in raw["entries"])
        contracts = (Contract.model_validate(contract) for contract in raw["contracts"])
        terms = (ContractTerm.model_validate(term) for term in raw.get("terms", ()))
        return Book(public, tuple(entries), tuple(contracts), tuple(terms))

    return stored.read_packed(_folder(home) / f"{version}.json.gz", parse)


def find_book(home: Home, settings: Settings, name: str) -> Book:
    """The book of a name that people type.

    `list` (no contracts), `current`, `installed` (the package's public book), a used version or an imported public book
    by the beginning of its hash, by number or by day, or the path of another contracts.yml.
    """
    now = current(home, settings)
    if name in (LIST, CURRENT, INSTALLED):
        public = snapshot.installed() if name == INSTALLED else now.public
        return Book(public, now.entries, () if name == LIST else now.contracts, now.terms)
    if Path(name).is_file():
        return Book(now.public, now.entries, load_contracts(Path(name), settings), now.terms)
    versions = [version for version in used_versions(home) if version.startswith(name)]
    publics = [one for one in stored.stored_books(home) if _is_called(one, name)]
    if len(versions) + len(publics) != 1:
        several = ", ".join([*versions, *(one.path.name for one in publics)])
        matches = f"{several} match" if several else "no file and no book of the home does"
        raise stored.BookError(
            f"{name} names no price book: {matches}; allowed are {LIST}, {CURRENT}, {INSTALLED}, a contracts.yml, "
            "or a book that `inferledger prices books` lists"
        )
    if versions:
        return read_version(home, versions[0])
    return Book(publics[0].book.snapshot, now.entries, now.contracts, now.terms)


def _is_called(one: stored.StoredBook, name: str) -> bool:
    return one.book.sha256.startswith(name) or name in (one.book.known_from, str(one.number), one.path.name)
