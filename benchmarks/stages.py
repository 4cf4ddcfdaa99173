"""One stage in this process, through the product's own functions: `python -m benchmarks.stages STAGE HOME [ROWS]`.

Prints one JSON object: the CPU seconds of the stage's own work, without the start of Python and its imports, and what
the stage found. The parent (measure.py) sees the whole process.
"""

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCAN_REPEATS = 3


def cpu_seconds() -> float:
    """User and system time of this process and the children it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(work: Callable[[], object]) -> float:
    before = cpu_seconds()
    work()
    return cpu_seconds() - before


# What a file's yardstick counts: one column of its lines.
SCANNED = {"litellm": "request_id", "otel": "resourceSpans", "langfuse": "id"}


def rows(home: Path, count: str, kind: str) -> dict[str, object]:
    from benchmarks.rows import NESTED, write_home, write_nested

    if kind in NESTED:
        return {"bytes": write_nested(home, kind, int(count))}
    return {"bytes": write_home(home, int(count), zipped=kind == "gzip")}


def telemetry(home: Path, form: str, files: str) -> dict[str, object]:
    from benchmarks.telemetry import write_telemetry

    return {"samples": write_telemetry(home, form, int(files))}


def scan(home: Path, feed: str = "litellm") -> dict[str, object]:
    """The yardstick: DuckDB reads one text column of every line of the plain file, and counts it."""
    import duckdb

    from sources.reading import literal

    [path] = (home / "landing" / feed).glob("*/*.*json*")
    query = f"""
        select count({SCANNED[feed]})
        from read_json({literal(path)}, format = 'newline_delimited', columns = {{'{SCANNED[feed]}': 'VARCHAR'}})"""
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        found = connection.execute(query).fetchall()[0][0]
        return {
            "rows": found,
            "cpu": [timed(lambda: connection.execute(query).fetchall()) for _ in range(SCAN_REPEATS)],
        }


def floor(home: Path) -> dict[str, object]:
    """What no reader of spend logs can leave out: each field as text and each value of `metadata` to Parquet, SHA-256.

    Nothing is typed, checked or hashed, so this is no ingest; it says what of one DuckDB takes for reading and writing.
    """
    import hashlib

    import duckdb

    from sources.litellm import projection
    from sources.reading import PARQUET, literal

    [path] = (home / "landing" / "litellm").glob("*/*.*json*")
    fields = ", ".join(f'"{name}"' for name in projection.LOG_FIELDS if name != "metadata")
    query = f"""
        copy (
            select row_number() over () as row_number, {fields},
                unnest(from_json(metadata, {literal(projection.METADATA_STRUCTURE)}), recursive := true)
            from read_json(
                {literal(path)}, format = 'newline_delimited', compression = 'none', columns = {projection.LOG_COLUMNS}
            )
        ) to {literal(home / "floor.parquet")} {PARQUET}"""

    def work() -> None:
        connection.execute(query)
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set enable_progress_bar = false")
        return {"cpu": [timed(work)]}


def ingest(home: Path) -> dict[str, object]:
    from assets.ingest import take_in
    from sources.home import Home
    from sources.settings import load_settings

    place = Home(home)
    settings = load_settings(place)
    before = cpu_seconds()
    summary = take_in(place, settings, lambda done, total, name: None)
    return {"cpu": [cpu_seconds() - before], "rows": summary.rows_kept, "rejected": summary.rows_quarantined}


def prices(home: Path) -> dict[str, object]:
    from assets.ingest import derive, require_lake
    from sources.home import Home
    from sources.settings import load_settings

    place = Home(home)
    require_lake(place)
    return {"said": derive(place, load_settings(place))}


def build(home: Path) -> dict[str, object]:
    from assets import warehouse
    from sources.home import Home
    from sources.memory import memory_of
    from sources.settings import load_settings

    place = Home(home)
    memory = memory_of(place.root, load_settings(place).limits)
    built = warehouse.build(place, warehouse.read_inputs(place), memory)
    return {"models": built.models, "tests": built.tests}


def pricing(home: Path) -> dict[str, object]:
    from benchmarks.pricing import price
    from sources.home import Home

    return price(Home(home).warehouse, timed)


def allocation(home: Path, charges: str, tenants: str) -> dict[str, object]:
    from benchmarks.allocation import measure

    return measure(home / "warehouse", int(charges), int(tenants), int(charges))


def publish(home: Path) -> dict[str, object]:
    from assets import gates, publish, warehouse
    from sources.home import Home
    from sources.settings import load_settings

    place = Home(home)
    settings, inputs = load_settings(place), warehouse.read_inputs(place)
    keep = settings.general.retention.published_versions
    done = publish.publish(place, inputs.version_id, gates.require_shape, keep)
    warehouse.mark_applied(place, inputs)
    return {"files": done.files_written}


def history(home: Path, calls: str, days: str) -> dict[str, object]:
    from benchmarks.history import write_history

    return {"calls": write_history(home, int(calls), int(days))}


def next_day(home: Path, number: str, calls: str, in_history_day: str, resent: str) -> dict[str, object]:
    from benchmarks.history import land_next_day

    return {"lines": land_next_day(home, int(number), int(calls), int(in_history_day), float(resent))}


def answers(home: Path) -> dict[str, object]:
    from benchmarks.reading import seconds_over_history
    from sources.home import Home

    return {"seconds": seconds_over_history(Home(home).published / "marts.duckdb")}


def follow(home: Path, how: str) -> dict[str, object]:
    """A run up to the published marts, step by step: CPU seconds of each, and of each model and test."""
    from assets import gates, ingest, publish, warehouse
    from sources.home import Home
    from sources.memory import memory_of
    from sources.settings import load_settings

    place = Home(home)
    settings = load_settings(place)
    memory, keep = memory_of(home, settings.limits), settings.general.retention.published_versions
    cpu = {"ingest": timed(lambda: ingest.take_in(place, settings, lambda done, total, name: None))}
    cpu["check lake"] = timed(lambda: ingest.require_lake(place))
    cpu["prices"] = timed(lambda: ingest.derive(place, settings))
    inputs = warehouse.read_inputs(place)
    plan = warehouse.next_build(place, inputs, full=how == "full")
    nodes, ended = dict[str, float](), dict[int, float]()

    def note(event: Any) -> None:
        """A node runs in one of dbt's threads, and DuckDB, which has one of its own a query, in it too."""
        thread, now = threading.get_ident(), time.thread_time()
        nodes[event.data.node_info.unique_id.split(".")[2]] = round(now - ended.get(thread, 0.0), 3)
        ended[thread] = now

    cpu["build"] = timed(lambda: warehouse.build(place, inputs, memory, on_result=note, full=plan.is_full))
    cpu["publish"] = timed(lambda: publish.publish(place, inputs.version_id, gates.require_shape, keep, memory))
    warehouse.mark_applied(place, inputs)
    return {"cpu": cpu, "nodes": nodes, "is_full": plan.is_full}


def rows_of(home: Path) -> dict[str, object]:
    """Count and two order-free hashes of every mart, but for what a run says of itself; files of those cut by day."""
    import duckdb

    from assets.publish import DAY, SPLITS, Manifest

    files = Manifest.read(home / "published" / "current" / "manifest.json").files
    by_day = [name for name, split in SPLITS.items() if split.name == DAY]
    found: dict[str, object] = {name: file.content for name, file in files.items() if name.split("/")[0] in by_day}
    with duckdb.connect(str(home / "published" / "marts.duckdb"), read_only=True) as connection:
        connection.execute("set enable_progress_bar = false")
        tables = connection.execute("select table_name from duckdb_tables() where not internal").fetchall()
        for (name,) in tables:
            query = f"""
                select count(*), coalesce(bit_xor(hash(mart)), 0), coalesce(sum(hash(mart)), 0)
                from (select columns(lambda c: c <> 'restated_at_run') from {name}) as mart"""
            if name != "data_status":
                found[name] = [str(value) for value in connection.execute(query).fetchall()[0]]
    return {"rows": found}


def report(home: Path) -> dict[str, object]:
    """What a run does on the published marts: check the limits, write the report and the chargeback files."""
    from pipelines.progress import Progress
    from pipelines.run import run
    from sources.home import Home

    result = run(Home(home), None, True, Progress(), "benchmark")
    if result.is_new:
        raise RuntimeError("the stages before did not do what a run does: it built the marts again")
    return {"written": len(result.written)}


def reading(home: Path) -> dict[str, object]:
    from assets.publish import DATABASE
    from benchmarks.reading import page_seconds, query_seconds
    from sources.home import Home

    published = Home(home).published
    page = published.resolve().parent / "reports" / "explorer.html"
    return {
        "queries": query_seconds(published / DATABASE, home),
        "page": page_seconds(page, home),
        "bytes": page.stat().st_size,
    }


STAGES: dict[str, Callable[..., dict[str, object]]] = {
    stage.__name__: stage
    for stage in (
        rows,
        telemetry,
        scan,
        floor,
        ingest,
        prices,
        build,
        pricing,
        allocation,
        publish,
        report,
        reading,
        history,
        next_day,
        answers,
        follow,
        rows_of,
    )
}


def main(arguments: list[str]) -> int:
    stage, home, *rest = arguments
    sys.stdout.write(json.dumps(STAGES[stage](Path(home), *rest)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
