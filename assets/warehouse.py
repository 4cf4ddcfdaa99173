"""The warehouse: runs dbt on the lake, and knows whether there is anything for it to do.

dbt runs inside this process, so that it ends when the run that holds the home ends. The rules it applies stand in
dbt_project; reading its result for people is all that happens here. Imports of dbt are late: they cost two seconds.
"""

import fcntl
import gc
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets import spark
from assets.touched import Touched, going_on, read_files, touched
from assets.version import ROOT
from sources import clock
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.memory import Memory
from sources.settings import engine_of
from sources.settings.models import Limits

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

PROJECT = ROOT / "dbt_project"
# Where dbt keeps what it has parsed, in the project's target folder; dbt gives it this name.
PARSED = "partial_parse.msgpack"
# What tools write beside source files.
_NOT_SOURCE = ("target", "logs", "dbt_packages", ".user.yml", "__pycache__")
# The lake tables that are not files of a feed; ledger export and settings stand for the rest of the lake.
_STATE_FOLDERS = ("config", "pricing", "meta", "accounting")
# Rows in the lake, times models or tests of everything that are made at one time, by what DuckDB is told of memory.
# Told 1.7 GB it did two of 10 million calls. Of 50 million it ran out where it looked whether no call stands there
# twice and, beside that, whether every ask has one last attempt; each fits alone.
_ROWS_TOGETHER_PER_GB = 20_000_000
# How DuckDB comes to its tables: by the models, by replacing touched days, or by reading what Spark made of the models.
How = Literal["full", "incremental", "loaded"]
_RESULT_EVENTS = ("LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult")


@dataclass(frozen=True)
class Inputs:
    """Everything published rows depend on, as hashes by name. Equal inputs, equal marts."""

    parts: Mapping[str, str]

    @property
    def version_id(self) -> str:
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()[:16]

    def changes_since(self, other: "Inputs | None") -> list[str]:
        """Names of the parts that differ, in order."""
        if other is None:
            return sorted(self.parts)
        return sorted({name for name, _ in set(self.parts.items()) ^ set(other.parts.items())})


@dataclass(frozen=True)
class Failure:
    """A model that did not build or a test that found rows."""

    name: str
    kind: str
    model: str
    message: str
    rows: int | None
    sql: Path | None

    def __str__(self) -> str:
        found = f"{self.rows} row{'' if self.rows == 1 else 's'} of {self.model}" if self.rows else self.model
        where = f"\n    SQL: {self.sql}" if self.sql else ""
        return f"{self.kind} {self.name}: {found}: {self.message}{where}"


@dataclass(frozen=True)
class Built:
    """What dbt did."""

    models: int
    tests: int
    warnings: tuple[Failure, ...]


@dataclass(frozen=True)
class Node:
    """A model or test dbt has finished, for progress."""

    name: str
    status: str
    index: int
    total: int


class WarehouseError(Exception):
    """dbt could not build the marts, or a test of theirs failed: nothing is published."""

    def __init__(self, message: str, failures: Iterable[Failure] = ()) -> None:
        self.failures = tuple(failures)
        super().__init__("\n".join([message, *(f"  {failure}" for failure in self.failures)]))


def read_inputs(home: Home, project: Path = PROJECT) -> Inputs:
    """The inputs as they are now. The day counts, since bills become final with time."""
    parts = state_of(home.lake)
    parts["rules"] = folder_hash(project)
    parts["day"] = clock.now().date().isoformat()
    parts["engine"] = engine(home)
    return Inputs(parts)


def engine(home: Home) -> str:
    """What a build of the home is made with, and the versions; EngineError when it is not installed."""
    engines = [spark.engine_version()] if engine_of(home) == spark.ENGINE else []
    return ", ".join([*engines, f"duckdb {version('duckdb')}", f"dbt {version('dbt-core')}"])


def state_of(lake: Path) -> dict[str, str]:
    """A hash of each small table of a lake that is rewritten whole, such as the compiled settings."""
    return {
        f"{folder}/{path.parent.name}": _hash_files([path])
        for folder in _STATE_FOLDERS
        for path in sorted((lake / folder).glob("*/current.parquet"))
    }


def applied_inputs(home: Home) -> Inputs | None:
    """The inputs of the version that was published last."""
    return _read_inputs_file(home.warehouse / "applied_inputs.json")


def built_inputs(home: Home) -> Inputs | None:
    """The inputs of the marts in the build file, or None when they are not complete."""
    return _read_inputs_file(home.warehouse / "built_inputs.json")


def mark_built(home: Home, inputs: Inputs) -> None:
    """Record that the build file holds all marts of these inputs, tested."""
    _write_inputs_file(home.warehouse / "built_inputs.json", inputs)


def mark_applied(home: Home, inputs: Inputs) -> None:
    """Record, as the last act of a run, that its inputs are published."""
    _write_inputs_file(home.warehouse / "applied_inputs.json", inputs)


def build(
    home: Home,
    inputs: Inputs,
    memory: Memory,
    on_node: Callable[[Node], None] = lambda node: None,
    on_result: Callable[["EventMsg"], None] = lambda event: None,
    project: Path = PROJECT,
    full: bool = False,
    threads: int = Limits().threads,
) -> Built:
    """Build every mart from the lake and test it: what the inputs touch, or all. WarehouseError names what failed.

    So many models or tests at a time, or as many of everything as fit into the memory together.
    """
    (home.warehouse / "built_inputs.json").unlink(missing_ok=True)
    plan, files, manifest = next_build(home, inputs, full), read_files(home), _parsed(project)
    if plan.is_full:
        for name in ("build.duckdb", "work.duckdb"):
            for path in (home.warehouse / name, home.warehouse / f"{name}.wal"):
                path.unlink(missing_ok=True)
    threads = min(threads, _fit_together(home, memory)) if plan.is_full else threads
    arguments = ["build", "--exclude-resource-type", "unit_test", "--threads", str(threads)]
    with going_on(home, plan, inputs.parts, files, manifest):
        told = [_results(on_node, on_result)]
        how: How = "full" if plan.is_full else "incremental"
        if spark.made(inputs.parts["engine"]):
            # Only DuckDB's results are told one by one: of the same models, after their tests.
            _build_on_spark(home, memory, [_results(on_node, lambda event: None)], project)
            how = "loaded"
        built = _result_of(dbt(home, arguments, memory, told, project, manifest, how), home)
    mark_built(home, inputs)
    return built


def _fit_together(home: Home, memory: Memory) -> int:
    """How many models or tests of everything may be made at once. A home without a ledger has read nothing."""
    rows = 0
    if ledger_path(home.root).is_file():
        with FileLedger(ledger_path(home.root)) as ledger:
            rows = ledger.rows_kept()
    return max(1, int(_ROWS_TOGETHER_PER_GB * memory.gigabytes) // max(1, rows))


def next_build(home: Home, inputs: Inputs, full: bool = False) -> Touched:
    """What a build of these inputs has to do, and why it is all if it is."""
    if full:
        return Touched(is_full=True, reasons=("asked for",))
    plan = touched(home, inputs.parts, read_files(home))
    if spark.made(inputs.parts["engine"]):
        return replace(plan, is_full=True, reasons=("every build on Spark is full", *plan.reasons))
    return plan


def _build_on_spark(
    home: Home, memory: Memory, callbacks: Sequence[Callable[["EventMsg"], None]], project: Path
) -> None:
    """Every model as Parquet in warehouse/spark. Tests are left to DuckDB, when it has read the tables."""
    folder = home.warehouse / "dbt"
    # What is parsed depends on the target; what is kept, and taken by `dbt`, is DuckDB's.
    without = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test", "--no-partial-parse"]
    arguments = ["build", *without, "--target", spark.target(), "--no-write-json"]
    with spark.emptied(home, memory) as configured:
        environment = _environment(home.lake, home.warehouse, memory) | _calls_kept(home) | configured
        _result_of(
            _invoke(arguments, project, folder / "spark_target", folder / "spark_logs", environment, callbacks), home
        )


def dbt(
    home: Home,
    arguments: Sequence[str],
    memory: Memory,
    callbacks: Sequence[Callable[["EventMsg"], None]] = (),
    project: Path = PROJECT,
    manifest: "Manifest | None" = None,
    how: How = "full",
) -> Any:
    """dbt's own result of one of its commands on the lake and the warehouse of a home."""
    folder = home.warehouse / "dbt"
    # To write over a file waits for the disk where to write a new one does not.
    for name in ("compiled", "run"):
        shutil.rmtree(folder / "target" / name, ignore_errors=True)
    environment = (
        _environment(home.lake, home.warehouse, memory.emptied()) | _calls_kept(home) | {"INFERLEDGER_BUILD": how}
    )
    # Nobody reads what dbt knows of the project a second time: to write it as JSON takes a CPU second.
    arguments = [*arguments, "--target", "duckdb", "--no-write-json"]
    return _invoke(
        arguments, project, folder / "target", folder / "logs", environment, callbacks, manifest or _parsed(project)
    )


def prepare_manifest(project: Path = PROJECT) -> Path:
    """The manifest of the dbt project, written anew when a file of the project changed since."""
    target = project / "target"
    target.mkdir(exist_ok=True)
    manifest, stamp = target / "manifest.json", target / "manifest.project_hash"
    parsed = target / PARSED
    current = f"{folder_hash(project)} dbt {version('dbt-core')}"
    # Daemon, page and tests load the definitions at once, each in a process of its own.
    with (target / "manifest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_whole = manifest.is_file() and parsed.is_file() and stamp.is_file()
        if not is_whole or stamp.read_text() != current:
            # Of changed files alone, dbt 1.11 can lose what others say of them, such as the description of a test.
            parsed.unlink(missing_ok=True)
            # Parsing opens no database; the folders only have to be named.
            result = _invoke(["parse"], project, target, target, _environment(target, target, Memory("1GB", target)))
            if not result.success:
                raise WarehouseError(f"dbt cannot read {project}: {result.exception}")
            stamp.write_text(current)
    return manifest


def keeps_parsed(project: Path = PROJECT) -> bool:
    """Whether what dbt has read of the project can be kept, by which a build knows what the next may go on from."""
    return os.access(project, os.W_OK)


def _parsed(project: Path) -> "Manifest | None":
    """What dbt has read of the project: to read it again takes 12 CPU seconds. None: its folder cannot be written."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    if not keeps_parsed(project):
        return None
    path = prepare_manifest(project).with_name(PARSED)
    manifest: Any = Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
    manifest.build_flat_graph()
    found: Manifest = manifest
    return found


def folder_hash(folder: Path) -> str:
    """One hash for every source file of a folder, such as the business rules."""
    files = (path for path in folder.rglob("*") if not set(path.relative_to(folder).parts) & set(_NOT_SOURCE))
    return _hash_files((path for path in files if path.is_file()), folder)


def _hash_files(paths: Iterable[Path], root: Path | None = None) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root) if root else ''}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_inputs_file(path: Path) -> Inputs | None:
    return Inputs(json.loads(path.read_text())["parts"]) if path.is_file() else None


def _write_inputs_file(path: Path, inputs: Inputs) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(inputs), indent=1, sort_keys=True) + "\n")
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(path)


def _environment(lake: Path, warehouse: Path, memory: Memory) -> dict[str, str]:
    return {
        "INFERLEDGER_LAKE": str(lake),
        "INFERLEDGER_WAREHOUSE": str(warehouse),
        "INFERLEDGER_MEMORY_LIMIT": memory.limit,
        "INFERLEDGER_SPILL": str(memory.spill),
        clock.NOW_VARIABLE: clock.now().isoformat(),
        "DO_NOT_TRACK": "1",
    }


def _calls_kept(home: Home) -> dict[str, str]:
    """The Mondays that calls have been from, each time older ones went, and the tables with a file of that time."""
    tables: dict[str, list[str]] = {}
    if ledger_path(home.root).is_file():
        with FileLedger(ledger_path(home.root)) as ledger:
            tables = {day.isoformat(): [] for day, _ in ledger.kept_calls()}
            for day, table in sorted(ledger.kept_files()):
                tables.get(day.isoformat(), []).append(table)
    return {"INFERLEDGER_CALLS_KEPT": json.dumps(tables)}


def _invoke(
    arguments: list[str],
    project: Path,
    target: Path,
    logs: Path,
    environment: Mapping[str, str],
    callbacks: Sequence[Callable[["EventMsg"], None]] = (),
    manifest: "Manifest | None" = None,
) -> Any:
    from dbt.adapters.duckdb import connections
    from dbt.cli.main import dbtRunner
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    from assets.dbt_events import WithoutDebug

    ctx_set_event_manager(WithoutDebug())
    manager: Any = connections.DuckDBConnectionManager
    places = {"project-dir": project, "profiles-dir": project, "target-path": target, "log-path": logs}
    quiet = ["--log-level", "none", "--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats"]
    # Nothing runs in another order; the graph has a twelfth of the edges.
    quick = ["--use-fast-test-edges"]
    try:
        with _environment_set(environment), _garbage_collected_seldom(), _log(logs) as log:
            options = [text for name, path in places.items() for text in (f"--{name}", str(path))]
            result = dbtRunner(manifest, [log, *callbacks]).invoke([*arguments, *quiet, *quick, *options])
    finally:
        # dbt keeps the database open for the life of the process; publishing has to read it.
        manager.close_all_connections()
    if isinstance(result.exception, KeyboardInterrupt | SystemExit):
        raise result.exception
    return result


@contextmanager
def _log(folder: Path) -> Iterator[Callable[["EventMsg"], None]]:
    """Writes what dbt says to dbt.log. Its own log formats ten lines for each it keeps: a tenth of a build's CPU."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dbt.log").open("w", encoding="utf-8", buffering=1) as file:

        def tell(event: "EventMsg") -> None:
            info: Any = event.info
            file.write(f"{info.ts.ToJsonString()} {info.level:5} {info.msg}\n")

        yield tell


@contextmanager
def _garbage_collected_seldom() -> Iterator[None]:
    """What dbt has parsed stays for the whole build: to look for garbage in it all the time takes CPU seconds."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@contextmanager
def _environment_set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _results(on_node: Callable[[Node], None], on_result: Callable[["EventMsg"], None]) -> Callable[["EventMsg"], None]:
    def tell(event: "EventMsg") -> None:
        if event.info.name in _RESULT_EVENTS:
            data: Any = event.data
            # Models say how many nodes there are in `total`, tests in `num_models`.
            total: int = getattr(data, "total", 0) or getattr(data, "num_models", 0)
            on_node(Node(data.node_info.node_name, data.status, data.index, total))
            on_result(event)

    return tell


def event_as_dict(event: "EventMsg") -> dict[str, Any]:
    """A dbt event as dbt writes it to its JSON log."""
    from dbt_common.events import functions

    to_dict: Any = functions.msg_to_dict
    found: dict[str, Any] = to_dict(event)
    return found


def _result_of(result: Any, home: Home) -> Built:
    if result.exception is not None:
        raise WarehouseError(f"dbt could not run: {result.exception}\n  log: {home.warehouse / 'dbt/logs/dbt.log'}")
    runs = [run for run in result.result.results if run.node.resource_type != "operation"]
    failed = [_failure(run, home) for run in runs if run.status in ("error", "fail", "runtime error")]
    warned = [_failure(run, home) for run in runs if run.status == "warn"]
    if failed or not result.success:
        skipped = sum(run.status == "skipped" for run in runs)
        what = f"{len(failed)} of {len(runs)} models and tests failed"
        raise WarehouseError(f"{what}, {skipped} were not run" if skipped else what, failed)
    tests = sum(run.node.resource_type == "test" for run in runs)
    return Built(len(runs) - tests, tests, tuple(warned))


def _failure(run: Any, home: Home) -> Failure:
    node = run.node
    parents = [name.split(".")[-1] for name in node.depends_on.nodes]
    model = (getattr(node, "attached_node", None) or "").split(".")[-1] or ", ".join(parents) or node.name
    compiled = getattr(node, "compiled_path", None)
    # dbt gives the path from the folder it was called in, which may be any.
    sql = Path(compiled).resolve() if compiled else None
    if node.resource_type != "test":
        return Failure(node.name, node.resource_type, node.original_file_path, _message(run.message), None, sql)
    message = "test found rows it must not find" if run.failures else _message(run.message)
    return Failure(node.name, "test", model, node.description or message, run.failures, sql)


def _message(text: str | None) -> str:
    """On one line. Of memory DuckDB names settings of its own, which a home has no place for."""
    line = " ".join((text or "no message").split())
    said, of_memory, _ = line.partition(" Possible solutions:")
    if of_memory and "Out of Memory" in said:
        return f"{said}. What DuckDB may use is limits.memory of config/inferledger.yml: give it more"
    return line
