"""Retention: what was read goes after the days its owner set, where no number needs it any more.

Landed files go from landing once the lake has all their rows; the ledger still knows their bytes, so that none is read
again when it comes back. Earlier readings, which a newer one replaced, go from where the lake set them aside. Nothing
goes that a build reads. The caller holds the home's lock.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sources.feed import FeedTable
from sources.lake import ledger_path, superseded_folder
from sources.landing import discover, has_changed, sidecar
from sources.ledger import FileLedger
from sources.settings.models import Retention


def expire(home: Path, *, now: datetime, feeds: Iterable[FeedTable], retention: Retention) -> int:
    """Remove what is older than the settings keep it, and say how many files; none where they name no days."""
    expired = 0
    for paths in (
        _landed(home, now, feeds, retention.landing_days),
        _superseded(home, now, retention.superseded_days),
    ):
        for path in paths:
            # first, as without its sidecar it would be a file nobody has read
            path.unlink(missing_ok=True)
            sidecar(path).unlink(missing_ok=True)
            expired += 1
    return expired


def _landed(home: Path, now: datetime, feeds: Iterable[FeedTable], days: int | None) -> Iterator[Path]:
    """Files whose rows are all in the lake. One with rows in quarantine stays: its lines are still to be looked at.

    Each is looked at when it is its turn to go: others may write into landing meanwhile.
    """
    if days is None:
        return
    with FileLedger(ledger_path(home)) as ledger:
        for one in discover(home / "landing", feeds)[0]:
            known = ledger.seen(one.landing_path, one.stamp)
            table = one.feed_table
            standing = ledger.standing(table.feed, table.table, known) if known else None
            is_read = standing is not None and standing.status == "committed" and not standing.rows_quarantined
            if is_read and not has_changed(one) and _is_older(one.path, now, days):
                ledger.note_expired(one.landing_path, one.size_bytes)
                yield one.path


def _superseded(home: Path, now: datetime, days: int | None) -> list[Path]:
    if days is None:
        return []
    return [path for path in sorted(superseded_folder(home).rglob("*.parquet")) if _is_older(path, now, days)]


def _is_older(path: Path, now: datetime, days: int) -> bool:
    """By when it came to lie here, which copying with its own times does not change."""
    return datetime.fromtimestamp(path.stat().st_ctime, UTC) < now - timedelta(days=days)
