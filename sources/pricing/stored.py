"""Public books a home has taken in: prices/<number>-<day>-<hash>.json.gz, never changed. The last one is in use.

A book is genai-prices' data: that of the installed package, or a data.json as its repository publishes it. Models that
newer data no longer have stay as they were, since calls of their time are still priced. A home without a book uses the
installed package's data.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from datetime import date, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

# _providers_from_raw is the package's own reader of data.json; it offers it only together with a download.
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices, _providers_from_raw
from genai_prices.units import _get_registry
from pydantic import ValidationError

from sources.home import Home, HomeError
from sources.lake import put, unfinished
from sources.pricing import snapshot
from sources.pricing.compare import Change, compare
from sources.pricing.snapshot import Snapshot, Source
from sources.settings.models import FIRST_DAY

Packed = TypeVar("Packed")

_NOT_PRICES = ("extractors", "description", "context_window", "pricing_urls", "price_comments")
_PROBLEMS_SHOWN = 5


class BookError(HomeError):
    """Data that cannot be taken in as a price book."""


@dataclass(frozen=True)
class PublicBook:
    """A public book as it is written to a file.

    `content` is a hash of the data as they came; `kept` are the models that books before had and they lack.
    """

    name: str
    sha256: str
    known_from: str | None
    content: str
    kept: list[str]
    models_known_from: list[tuple[str, str, str]]
    providers: list[Any]

    @classmethod
    def of(cls, book: Snapshot, content: str, kept: list[str]) -> "PublicBook":
        matches = [book.match(provider, model) for provider in book.providers for model in provider.models]
        known_from = [(one.provider.id, one.model.id, str(one.known_from)) for one in matches if one.known_from]
        source, plain = book.source, [_plain(provider) for provider in book.providers]
        day = str(source.known_from) if source.known_from else None
        return cls(source.name, source.sha256, day, content, kept, known_from, plain)

    @property
    def snapshot(self) -> Snapshot:
        known_from = {(provider, model): date.fromisoformat(day) for provider, model, day in self.models_known_from}
        source = Source(self.name, self.sha256, date.fromisoformat(self.known_from) if self.known_from else None)
        return Snapshot(_providers_from_raw(self.providers), source, known_from)


@dataclass(frozen=True)
class StoredBook:
    """A public book in the home, by its file."""

    path: Path
    book: PublicBook

    @property
    def number(self) -> int:
        return int(self.path.name.split("-")[0])


def current(home: Home) -> Snapshot:
    """The public book that calls are priced by: the one taken in last, else the installed one."""
    paths = _paths(home)
    return _read(paths[-1]).book.snapshot if paths else snapshot.installed()


def known_on(home: Home | None, day: date) -> Snapshot:
    """The public book that was in use on a day: the last one taken in by then, else the installed one."""
    books = [one.book.snapshot for one in stored_books(home)] if home else []
    found = next((book for book in reversed(books) if _known(book) <= day), books[0] if books else snapshot.installed())
    if _known(found) > day:
        raise BookError(f"no price book was known on {day}: {found.source.name}, the first, is of {_known(found)}")
    return found


def _known(book: Snapshot) -> date:
    return book.source.known_from or date.max


def stored_books(home: Home) -> list[StoredBook]:
    """Every book of the home, oldest first."""
    return [_read(path) for path in _paths(home)]


def _paths(home: Home) -> list[Path]:
    return sorted(home.prices.glob("[0-9]*.json.gz"))


def _read(path: Path) -> StoredBook:
    return StoredBook(path, read_packed(path, lambda raw: PublicBook(**raw)))


def read_packed(path: Path, parse: Callable[[Any], Packed]) -> Packed:
    try:
        return parse(json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError) as error:
        raise BookError(
            f"{path}: is not the price book that was written there ({error}); restore it from a backup"
        ) from error


def write_packed(path: Path, content: object) -> None:
    """The same content is the same bytes."""
    temporary = unfinished(path)
    temporary.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))
    put(temporary, path)


def read_data(path: Path | None) -> Snapshot:
    """The book in a data.json, or None's: the installed package's."""
    if path is None:
        return snapshot.installed()
    try:
        content = path.read_bytes()
        raw = json.loads(content, parse_float=Decimal)
    except OSError as error:
        raise BookError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BookError(f"{path}: is no JSON: {error}; allowed is data.json of genai-prices") from error
    problems = list(_problems(raw))
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = problems[:_PROBLEMS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise BookError("\n".join(f"{path}: {problem}" for problem in shown))
    digest = hashlib.sha256(content).hexdigest()
    return Snapshot(_providers_from_raw(raw), Source(f"{path.name} ({digest[:12]})", digest, None))


def _problems(raw: Any) -> Iterator[str]:
    """What of a data.json is not as genai-prices publishes it, each with its place."""
    if not isinstance(raw, list) or not raw:
        yield f"found {type(raw).__name__ if raw else 'nothing'}; allowed is a list of providers with their models"
        return
    unreadable = [problem for number, provider in enumerate(raw) for problem in _unreadable(provider, f"[{number}]")]
    if unreadable:
        yield from unreadable
        return
    providers = _providers_from_raw(raw)
    yield from _doubles("provider", [provider.id for provider in providers])
    for provider in providers:
        yield from _doubles(f"model of {provider.id}", [model.id for model in provider.models])
        for model in provider.models:
            for prices in _prices(model):
                yield from (f"{provider.id}/{model.id}: {problem}" for problem in _price_problems(prices))


def _unreadable(provider: Any, place: str) -> Iterator[str]:
    """What of a provider cannot be read, by its place: of the provider itself, else of each model."""
    models = provider.get("models") if isinstance(provider, dict) else None
    if not isinstance(models, list):
        yield f"{place}: found {provider!r:.80}; allowed is a provider with a list of models"
        return
    shell = {**provider, "models": []}
    if problems := list(_misread(shell)):
        yield from (f"{place}: {problem}" for problem in problems)
        return
    # How usage is read out of answers is not used here.
    shell.pop("extractors", None)
    for number, model in enumerate(models):
        yield from (f"{place}.models[{number}]: {problem}" for problem in _misread({**shell, "models": [model]}))


def _misread(provider: dict[str, Any]) -> Iterator[str]:
    try:
        _providers_from_raw([provider])
    except ValidationError as error:
        for problem in error.errors():
            # Prices are read on their own; else 0 is the provider, and behind `models` the model.
            inside = ".".join(str(name) for name in problem["loc"] if name not in (0, "models"))
            yield f"{inside}: found {problem['input']!r:.80}; {problem['msg']}"
    except (TypeError, ValueError, AttributeError) as error:
        yield str(error)


def _doubles(what: str, names: list[str]) -> Iterator[str]:
    yield from (f"{what}: {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))


def _prices(model: ModelInfo) -> Iterator[ModelPrice]:
    yield from (item.prices for item in (*snapshot.conditional(model), *(model.price_variants or ())))


def _price_problems(prices: ModelPrice) -> Iterator[str]:
    for key, value in prices.__dict__.items():
        if key not in _price_keys():
            yield f"{key}: no unit the installed genai-prices knows; upgrade the package to take this in"
        amounts = [value.base, *(tier.price for tier in value.tiers)] if isinstance(value, TieredPrices) else [value]
        yield from (f"{key}: found {amount}; allowed is 0 or more" for amount in amounts if amount and amount < 0)


@cache
def _price_keys() -> frozenset[str]:
    return frozenset(unit.price_key for unit in _get_registry().units.values())


@dataclass(frozen=True)
class TakenIn:
    """What taking a book in did.

    `path` is null when the home had it already. `kept_models` were in the data before.
    """

    name: str
    sha256: str
    known_from: date | None
    path: Path | None
    before: str
    new_models: list[str]
    kept_models: list[str]
    changes: list[Change]


def take_in(home: Home, day: date, path: Path | None, accept: bool) -> TakenIn:
    """Make a data.json, or the installed package's data, the book of the home from now on.

    BookError when it is older than the book in use, or prices in it look like slips of the unit; `accept` says they
    are right.
    """
    books, data = stored_books(home), read_data(path)
    last = books[-1].book if books else None
    before = last.snapshot if last else snapshot.installed()
    content = _digest(data)
    if last and last.content == content:
        return TakenIn(last.name, last.sha256, before.source.known_from, None, before.source.name, [], [], [])
    found = compare(before, data)
    if not accept:
        _refuse(path, books, content, before, data, found.changes)
    providers, kept = _with_kept(before, data)
    known_from = {
        (provider.id, model.id): _known_from(before, provider, model) or day
        for provider in providers
        for model in provider.models
    }
    taken = Snapshot(providers, replace(data.source, known_from=day), known_from)
    number = books[-1].number + 1 if books else 1
    target = home.prices / f"{number:04}-{day}-{data.source.sha256[:12]}.json.gz"
    write_packed(target, asdict(PublicBook.of(taken, content, kept)))
    newly_kept = [model for model in kept if last is None or model not in last.kept]
    source = taken.source
    return TakenIn(
        source.name, source.sha256, day, target, before.source.name, found.new_models, newly_kept, found.changes
    )


def _digest(book: Snapshot) -> str:
    plain = [_plain(provider) for provider in book.providers]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _refuse(
    path: Path | None,
    books: Sequence[StoredBook],
    content: str,
    before: Snapshot,
    data: Snapshot,
    changes: Sequence[Change],
) -> None:
    name = str(path) if path else data.source.name
    replaced = next((one.book for one in books if one.book.content == content), None)
    if replaced:
        raise BookError(
            f"{name}: is the book of {replaced.known_from}, which {before.source.name} replaced; "
            "--accept goes back to it"
        )
    newest, known = _newest_price(data), _newest_price(before)
    if newest < known:
        raise BookError(
            f"{name}: is older than {before.source.name}, the book in use: the last price in it starts on {newest}, "
            f"there on {known}; --accept takes it in"
        )
    slips = [str(change) for change in changes if change.is_implausible]
    if slips:
        lines = "\n".join(f"{name}: {slip}" for slip in slips)
        said = "A price that far from the book in use is a slip of the unit; --accept says it is right"
        raise BookError(f"{lines}\n{said}")


def _newest_price(book: Snapshot) -> date:
    matches = (book.match(provider, model) for provider in book.providers for model in provider.models)
    return max((day for match in matches for day in snapshot.change_days(match)), default=FIRST_DAY)


def _with_kept(before: Snapshot, data: Snapshot) -> tuple[list[Provider], list[str]]:
    """The new providers with the models that only the book before has after their own."""
    old = {provider.id: provider for provider in before.providers}
    providers, kept = [], []
    for provider in data.providers:
        own = {model.id for model in provider.models}
        missing = [model for model in old.pop(provider.id, provider).models if model.id not in own]
        kept += [f"{provider.id}/{model.id}" for model in missing]
        providers.append(replace(provider, models=[*provider.models, *missing]))
    kept += [f"{provider.id}/{model.id}" for provider in old.values() for model in provider.models]
    return [*providers, *old.values()], kept


def _known_from(before: Snapshot, provider: Provider, model: ModelInfo) -> date | None:
    """Since when a model has been known as it is: as long as the book before knew it, if it says the same."""
    known = next((one for one in before.providers if one.id == provider.id), None)
    same = next((one for one in known.models if one.id == model.id), None) if known else None
    if known is None or same is None or (same.prices, same.price_variants) != (model.prices, model.price_variants):
        return None
    return before.match(known, same).known_from


def _plain(value: Any) -> Any:
    """A value of genai-prices as its data.json has it, with the numbers as text: not one digit is lost."""
    if isinstance(value, ModelPrice):
        return {key: _plain(price) for key, price in value.__dict__.items() if price is not None}
    if is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in _NOT_PRICES}
        return {name.rstrip("_"): _plain(part) for name, part in given.items() if part is not None}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
