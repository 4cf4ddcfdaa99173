"""Public books taken into a home: which is in use, since when a price is known, and what is refused."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sources.home import Home, init_home
from sources.pricing import book, snapshot
from sources.pricing.snapshot import Snapshot, Source
from sources.pricing.stored import BookError, current, known_on, stored_books, take_in

FIRST, LATER = date(2026, 11, 1), date(2026, 12, 1)
NEWER = "2099-01-01"
# Two models of one provider; big has two context tiers, a batch price and a price from a day on.
DATA: list[dict[str, Any]] = [
    {
        "id": "acme",
        "name": "Acme",
        "api_pattern": "https://api.acme.test",
        "models": [
            {
                "id": "big",
                "match": {"or": [{"equals": "big"}, {"starts_with": "big-2026"}]},
                "prices": [
                    {"prices": {"input_mtok": {"base": 2, "tiers": [{"start": 200000, "price": 4}]}, "output_mtok": 8}},
                    {"constraint": {"start_date": NEWER}, "prices": {"input_mtok": 1.5, "output_mtok": 6}},
                ],
                "price_variants": [{"when": {"processing": "batch"}, "prices": {"input_mtok": 1}}],
            },
            {"id": "small", "match": {"equals": "small"}, "prices": {"input_mtok": 0.1234567, "output_mtok": 0.4}},
        ],
    }
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(tmp_path / "acme")


Write = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A data.json with Acme's models changed; the installed package has no models, so that books stay small."""
    nothing = Snapshot([], Source("genai-prices 0", "0" * 64, None))
    monkeypatch.setattr(snapshot, "installed", lambda: nothing)

    def write(change: Callable[[list[dict[str, Any]]], object] = lambda models: None) -> Path:
        changed = deepcopy(DATA)
        change(changed[0]["models"])
        path = tmp_path / "data.json"
        path.write_text(json.dumps(changed))
        return path

    return write


def rates(public: Snapshot, model_id: str, tier: str = "standard") -> list[tuple[dict[str, Decimal], date | None]]:
    quote = book.quote(book.find_model("acme", model_id, public=public), tier, FIRST)
    return [(dict(tier_rates), quote.known_from) for tier_rates in (quote.card.tiers if quote.card else ())]


def test_without_an_import_the_installed_data_are_the_book(home: Home) -> None:
    assert current(home) is snapshot.installed()


def test_the_installed_data_come_back_as_they_were(home: Home) -> None:
    taken = take_in(home, FIRST, None, accept=False)
    assert (taken.new_models, taken.kept_models, taken.changes) == ([], [], [])
    assert taken.path is not None
    back, installed = current(home), snapshot.installed()
    assert back.source.name == installed.source.name
    for mine, theirs in zip(back.providers, installed.providers, strict=True):
        assert (mine.id, mine.provider_match) == (theirs.id, theirs.provider_match)
        assert mine.fallback_model_providers == theirs.fallback_model_providers
        for model, expected in zip(mine.models, theirs.models, strict=True):
            assert (model.id, model.match) == (expected.id, expected.match)
            assert (model.prices, model.price_variants) == (expected.prices, expected.price_variants)


def test_a_model_is_known_since_the_first_book_that_says_the_same(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)

    def dearer(models: list[dict[str, Any]]) -> None:
        models[1]["prices"]["output_mtok"] = 0.5

    taken = take_in(home, LATER, data(dearer), accept=False)
    assert [str(change) for change in taken.changes] == ["acme/small standard output: 0.4 USD -> 0.5 USD"]
    public = current(home)
    assert rates(public, "small") == [({"input": Decimal("0.1234567"), "output": Decimal("0.5")}, LATER)]
    assert rates(public, "big-20260801") == [
        ({"input": Decimal(2), "output": Decimal(8)}, FIRST),
        ({"input": Decimal(4), "output": Decimal(8)}, FIRST),
    ]
    assert rates(public, "big", "batch") == [({"input": Decimal(1), "output": Decimal(8)}, FIRST)]


def test_what_was_known_on_a_day_is_the_book_of_then(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)

    def dearer(models: list[dict[str, Any]]) -> None:
        models[1]["prices"]["output_mtok"] = 0.5

    take_in(home, LATER, data(dearer), accept=False)
    eve = LATER - timedelta(days=1)
    said = {day: rates(known_on(home, day), "small")[0][0]["output"] for day in (FIRST, eve, LATER)}
    assert said == {FIRST: Decimal("0.4"), eve: Decimal("0.4"), LATER: Decimal("0.5")}
    with pytest.raises(BookError, match=f"no price book was known on .*, the first, is of {FIRST}"):
        known_on(home, FIRST - timedelta(days=1))
    with pytest.raises(BookError, match="no price book was known on 2020-01-01: genai-prices "):
        known_on(None, date(2020, 1, 1))


def test_the_same_data_twice_change_nothing(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)
    before = {path: path.read_bytes() for path in home.prices.iterdir()}
    # The same content in other bytes.
    path = data()
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    again = take_in(home, LATER, path, accept=False)
    assert (again.path, again.known_from) == (None, FIRST)
    assert {path: path.read_bytes() for path in home.prices.iterdir()} == before


def test_new_prices_are_told_with_their_days_and_context_tier(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)

    def change(models: list[dict[str, Any]]) -> None:
        models[0]["prices"][0]["prices"]["input_mtok"]["tiers"][0]["price"] = 5
        models.append({"id": "new", "match": {"equals": "new"}, "prices": {"input_mtok": 1}})

    taken = take_in(home, LATER, data(change), accept=False)
    assert taken.new_models == ["acme/new"]
    # Its batch variant has no long context, but output keeps the standard price there.
    assert [str(change) for change in taken.changes] == [
        f"acme/big standard input above 200,000 input tokens to {NEWER}: 4 USD -> 5 USD"
    ]


def test_a_model_that_newer_data_lack_keeps_its_price(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)
    taken = take_in(home, LATER, data(lambda models: models.pop(1)), accept=False)
    assert taken.kept_models == ["acme/small"]
    assert rates(current(home), "small")[0][1] == FIRST


@pytest.mark.parametrize("amount", [400, 0.0004])
def test_a_price_off_by_a_thousand_is_refused_until_accepted(home: Home, data: Write, amount: float) -> None:
    take_in(home, FIRST, data(), accept=True)

    def slip(models: list[dict[str, Any]]) -> None:
        models[1]["prices"]["output_mtok"] = amount

    with pytest.raises(BookError, match=r"acme/small standard output: 0\.4 USD -> [\d.]+ USD\n.*--accept"):
        take_in(home, LATER, data(slip), accept=False)
    assert len(stored_books(home)) == 1
    take_in(home, LATER, data(slip), accept=True)
    assert [stored.book.known_from for stored in stored_books(home)] == [str(FIRST), str(LATER)]


def test_older_data_are_refused_until_accepted(home: Home, data: Write) -> None:
    take_in(home, FIRST, data(), accept=True)
    with pytest.raises(BookError, match=f"the last price in it starts on 1970-01-01, there on {NEWER}; --accept"):
        take_in(home, LATER, None, accept=False)
    take_in(home, LATER, data(lambda models: models.pop(1)), accept=False)
    with pytest.raises(BookError, match=f"is the book of {FIRST}, which .* replaced; --accept goes back to it"):
        take_in(home, LATER, data(), accept=False)


def set_price(key: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda models: models[1]["prices"].update({key: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_price("output_mtok", "dear"), r"\[0\]\.models\[1\]: output_mtok.*found 'dear'"),
        (set_price("output_mtok", -1), "acme/small: output_mtok: found -1; allowed is 0 or more"),
        (set_price("input_ktok", 1), "acme/small: input_ktok: no unit .* knows; upgrade the package"),
        (lambda models: models.append(models[0]), "model of acme: 'big' is there twice"),
        (lambda models: models[1].pop("match"), r"\[0\]\.models\[1\]: match: found .*Field required"),
        (lambda models: models.append(3), r"\[0\]\.models\[2\].*found 3"),
    ],
)
def test_malformed_data_are_refused_with_their_place(home: Home, data: Write, change: Any, said: str) -> None:
    with pytest.raises(BookError, match=said):
        take_in(home, FIRST, data(change), accept=True)
    assert stored_books(home) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "found nothing; allowed is a list"),
        ("{}", "allowed is a list"),
        ("[1]", r"\[0\]: found 1"),
    ],
)
def test_a_file_of_something_else_is_refused(home: Home, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(BookError, match=f"data.json: .*{said}"):
        take_in(home, FIRST, path, accept=True)


def test_a_stored_book_that_was_damaged_stops_everything(home: Home, data: Write) -> None:
    taken = take_in(home, FIRST, data(), accept=True)
    assert taken.path is not None
    taken.path.write_bytes(taken.path.read_bytes()[:-20])
    with pytest.raises(BookError, match="is not the price book that was written there"):
        current(home)
