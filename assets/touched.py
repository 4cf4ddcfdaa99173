"""What a run touches: what is other than in the last complete build, and whether that can be followed by day.

The build goes on from the tables of the last complete one when only landed files, prices, bills and the day changed:
dbt finds the days they touch (dbt_project/macros/materializations/by_day.sql). What no day bounds makes everything new:
rules, engine, and settings that decide about every call.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.memory import connect
from sources.reading import literal

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_BASE = "last_build.json"
_UNPUBLISHED = "unpublished_days.json"
# What a change of makes all tables new, whatever the project reads.
_ALWAYS = frozenset(("rules", "engine"))
_BY_DAY = "incremental"
_COMPARED = "compared_by_day"
_COMPARED_BY_TASK = "compared_by_task"
# What looks at days that are touched so; at any other, every table looks that is replaced by day.
_SEEN_BY = {
    "allocations": ("allocations", "everything"),
    "savings": ("savings",),
    "forecast": ("forecast",),
    "samples": ("samples", "steps"),
}
# Of such days no mart is published by day.
_UNSEEN = "('savings', 'forecast', 'samples', 'steps', 'hours')"
# What is kept of samples that went is what tables already say of their days.
_SAMPLES_FROM = "model.inferledger.stg_meta__first_days"


@dataclass(frozen=True)
class Touched:
    """What the next build does: everything for `reasons`, or the days that changed files and prices lead to.

    `changed` are the other parts of the inputs that are not those of the last complete build.
    """

    is_full: bool
    reasons: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Base:
    """The last complete build. `unbounded` are the parts no day bounds; `attempted`, files a build began with since.

    `kept` are the tables whose rows stay when the calls they are made of go, with the column of their day.
    """

    parts: Mapping[str, str]
    files: Mapping[str, str]
    unbounded: list[str]
    attempted: list[str] = field(default_factory=list)
    kept: Mapping[str, str] = field(default_factory=dict)


def read_files(home: Home) -> dict[str, str]:
    """How each landed file that counts was read, by its identity: equal readings, equal rows."""
    if not ledger_path(home.root).is_file():
        return {}
    found: dict[str, list[str]] = {}
    with FileLedger(ledger_path(home.root)) as ledger:
        for row in ledger.rows("status = 'committed'"):
            reading = f"{row.feed}.{row.table_name} {row.reader_version} {row.rows_kept} {row.settings_key}"
            found.setdefault(row.identity, []).append(reading)
    return {identity: " | ".join(sorted(readings)) for identity, readings in sorted(found.items())}


def touched(home: Home, parts: Mapping[str, str], files: Mapping[str, str]) -> Touched:
    """What a build of these inputs has to do."""
    base = _read(home)
    if base is None:
        return Touched(is_full=True, reasons=("there is no complete build to go on from",))
    changed = {name for name, _ in set(parts.items()) ^ set(base.parts.items())}
    if reasons := sorted(changed & (_ALWAYS | set(base.unbounded))):
        return Touched(is_full=True, reasons=tuple(f"{name} changed" for name in reasons))
    others = {name for name, _ in set(files.items()) ^ set(base.files.items())}
    return Touched(False, files=tuple(sorted(others | set(base.attempted))), changed=tuple(sorted(changed)))


def is_whole(home: Home, rules: str) -> bool:
    """Whether the tables are those of a complete build by these rules, of every file the ledger has."""
    base = _read(home)
    return (
        base is not None and not base.attempted and base.files == read_files(home) and base.parts.get("rules") == rules
    )


def kept_of_calls(home: Home) -> Mapping[str, str]:
    """Tables of the last complete build that stay when the calls they are made of go, by the column of their day.

    That is of UTC days, of weeks (their Monday) or of months (their first day).
    """
    base = _read(home)
    return base.kept if base else {}


@contextmanager
def going_on(
    home: Home, plan: Touched, parts: Mapping[str, str], files: Mapping[str, str], manifest: "Manifest | None"
) -> Iterator[None]:
    """Around a build. Whatever ends it early, the next one takes up its files and the days it found."""
    if plan.is_full:
        for name in (_BASE, _UNPUBLISHED):
            (home.warehouse / name).unlink(missing_ok=True)
    else:
        base = _read(home)
        assert base
        _write(home, replace(base, attempted=list(plan.files)))
        _tell_dbt(home, plan.files)
    yield
    unbounded = _unbounded(manifest) if manifest else None
    if manifest and unbounded is not None:
        _write(home, _Base(parts, files, sorted(unbounded), kept=_kept(manifest)))
    if not plan.is_full:
        with connect(home.warehouse / "work.duckdb") as connection:
            days = connection.execute(
                f"select distinct usage_date::varchar from touched_days where touched_by not in {_UNSEEN}"
            ).fetchall()
            _note_built(home, {day for (day,) in days})
            for table in ("touched_days", "touched_tasks"):
                connection.execute(f"delete from {table}")


def unpublished_days(home: Home, version_id: str, writer: str) -> frozenset[str] | None:
    """Days that builds replaced since a version was published by this writer of files; None: any day may be another."""
    path = home.warehouse / _UNPUBLISHED
    noted = json.loads(path.read_text()) if path.is_file() else {}
    return frozenset(noted["days"]) if (noted.get("since"), noted.get("writer")) == (version_id, writer) else None


def note_published(home: Home, version_id: str, writer: str) -> None:
    """The tables of the last build are those of this version."""
    _write_json(home.warehouse / _UNPUBLISHED, {"since": version_id, "writer": writer, "days": []})


def _note_built(home: Home, days: set[str]) -> None:
    path = home.warehouse / _UNPUBLISHED
    if path.is_file():
        noted = json.loads(path.read_text())
        _write_json(path, noted | {"days": sorted(days | set(noted["days"]))})


def _tell_dbt(home: Home, files: Iterable[str]) -> None:
    with FileLedger(ledger_path(home.root)) as ledger:
        expired = {row.identity for row in ledger.rows("status = 'committed'") if row.is_expired}
        calls_from = max((day for day, _ in ledger.kept_calls()), default=None)
    with connect(home.warehouse / "work.duckdb") as connection:
        connection.execute("create table if not exists touched_days (usage_date date, touched_by varchar)")
        connection.execute("create table if not exists touched_tasks (task_id varchar)")
        connection.execute("create or replace table changed_files (file_hash varchar)")
        connection.execute("insert into changed_files select unnest($files::varchar[])", {"files": list(files)})
        connection.execute(
            "create or replace table expired_files as select unnest($files::varchar[]) as file_hash",
            {"files": sorted(expired)},
        )
        if calls_from:
            # What is published of days whose calls went goes too.
            connection.execute(f"attach {literal(home.warehouse / 'build.duckdb')} as build (read_only)")
            connection.execute(
                "insert into touched_days"
                " select distinct usage_date, 'went' from build.main.fct_usage where usage_date < $day",
                {"day": calls_from},
            )


def _unbounded(manifest: "Manifest") -> set[str] | None:
    """Sources that tables replaced by day read, past those that are compared by day; None without such tables."""
    nodes: Any = manifest.nodes
    kinds = {name: node.config.materialized for name, node in nodes.items() if node.resource_type == "model"}
    if _BY_DAY not in kinds.values():
        return None
    seen = set[str]()
    by = {name: nodes[name].config.meta.get("touched_by") for name, kind in kinds.items() if kind == _BY_DAY}
    for touched_by in set(by.values()):
        tables = {name for name in by if by[name] == touched_by}
        # What is found by comparing allocations, or what decides about savings, touches nothing these are made of.
        compared = {
            name
            for name, kind in kinds.items()
            if kind == _COMPARED and touched_by in _SEEN_BY.get(nodes[name].config.meta["touches_by"], by.values())
        }
        bounded = compared | {parent for name in compared for parent in nodes[name].depends_on.nodes}
        bounded |= {name for name, kind in kinds.items() if kind == _COMPARED_BY_TASK}
        if touched_by in _SEEN_BY["samples"]:
            bounded.add(_SAMPLES_FROM)
        # Tables replaced by day are looked at with the days they see themselves.
        seen |= _reached(nodes, tables, bounded | by.keys() - tables)
    return {"/".join(name.split(".")[-2:]) for name in seen if name.startswith("source.")}


def _kept(manifest: "Manifest") -> dict[str, str]:
    """What is made of calls and is no row of one call."""
    all_nodes: Any = manifest.nodes
    nodes = {name: node for name, node in all_nodes.items() if node.resource_type == "model"}
    calls = {name for name, node in nodes.items() if node.config.meta.get("per_call")}
    return {
        node.name: node.config.meta.get("kept_by") or node.config.meta.get("replaced", "usage_date")
        for name, node in sorted(nodes.items())
        if name not in calls and calls & set(node.depends_on.nodes) and not node.config.meta.get("last_weeks")
    }


def _reached(nodes: Any, names: Iterable[str], bounded: Collection[str]) -> set[str]:
    """These nodes and what they are made of, up to what is bounded."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen and name not in bounded:
            seen.add(name)
            waiting += _followed(nodes, name)
    return seen


def _followed(nodes: Any, name: str) -> list[str]:
    """What rows that a build may keep are made of; where `meta.follows` says so, of less than the whole table."""
    if name not in nodes:
        return []
    models: list[str] = nodes[name].config.meta.get("follows", []) if nodes[name].resource_type == "model" else []
    read: list[str] = nodes[name].depends_on.nodes
    return [f"model.inferledger.{model}" for model in models] or read


def _read(home: Home) -> _Base | None:
    path = home.warehouse / _BASE
    return _Base(**json.loads(path.read_text())) if path.is_file() else None


def _write(home: Home, base: _Base) -> None:
    _write_json(home.warehouse / _BASE, asdict(base))


def _write_json(path: Path, content: object) -> None:
    temporary: Path = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(path)
