"""From how many reads on a prompt in the provider's cache costs less than the same prompt sent plain each time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

STORAGE = "cache_storage_mtok_hour"


@dataclass(frozen=True)
class BreakEven:
    """`reads` of the prompt per write of it, or, where keeping it is charged by the hour, per hour it is kept.

    A prompt is read in whole: of 1.11 reads per write the second is the first that pays.
    """

    meter: str
    reads: Decimal
    per: str


def cache_break_evens(rates: Mapping[str, Decimal | None]) -> Iterator[BreakEven]:
    """What a write or an hour costs on top of the plain input, over what each read saves of it.

    A cache that charges neither pays with its first read and has no line here; nor has one that saves nothing.
    """
    plain, read = rates.get("input_uncached"), rates.get("cache_read")
    if plain is None or read is None or read >= plain:
        return
    saved = plain - read
    for meter in ("cache_write_5m", "cache_write_1h"):
        write = rates.get(meter)
        if write is not None and write > plain:
            yield BreakEven(meter, (write - plain) / saved, "write")
    storage = rates.get(STORAGE)
    if storage:
        yield BreakEven(STORAGE, storage / saved, "hour kept")
