"""Metrics by name: MetricFlow makes the SQL of a metric over the semantic models, the published marts answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.marts import MartsError
from assets.warehouse import prepare_manifest
from sources.memory import connect
from sources.settings.text import did_you_mean

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine

# The database dbt builds the marts in, whose name stands in the SQL.
BUILT_IN = "build"
PERIODS = ("day", "week", "month", "quarter", "year")


class MetricsError(Exception):
    """No such metric, or none that can be asked by what was asked for."""


@dataclass(frozen=True)
class Metric:
    """`by` is what it can be asked by."""

    name: str
    label: str
    meaning: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Rows of groups and metrics, as they were asked for. Sums are exact; a ratio is a double, as in the marts."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    sql: str


def known_metrics() -> list[Metric]:
    """Every metric of the semantic layer, by name."""
    return [
        Metric(found.name, found.label or found.name, _meaning(found.description), tuple(_groups([found.name])))
        for found in _engine().list_metrics(include_dimensions=False)
    ]


def ask(
    marts: Path,
    names: Sequence[str],
    by: Sequence[str] = (),
    first_day: date | None = None,
    last_day: date | None = None,
) -> Answer:
    """The metrics by tenant, feature, week or another group, in the order of the groups; both days are included."""
    if not marts.is_file():
        raise MartsError(f"{marts}: no published marts; `inferledger run` builds and publishes them")
    names, by = list(dict.fromkeys(names)), list(dict.fromkeys(by))
    sql = sql_of(names, by, first_day, last_day)
    with connect() as connection:
        path = str(marts.resolve()).replace("'", "''")
        connection.execute(f"attach '{path}' as {BUILT_IN} (read_only)")
        result = connection.execute(sql)
        given = [column[0] for column in result.description or []]
        groups = _groups(names)
        places = [given.index(name) for name in (*(groups[group] for group in by), *names)]
        rows = [tuple(row[place] for place in places) for row in result.fetchall()]
        return Answer([*by, *names], rows, sql)


def sql_of(
    names: Sequence[str], by: Sequence[str] = (), first_day: date | None = None, last_day: date | None = None
) -> str:
    """The SQL of the metrics; MetricsError names what is not known."""
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    known = {metric.name for metric in _engine().list_metrics(include_dimensions=False)}
    names, by = list(dict.fromkeys(names)), list(dict.fromkeys(by))
    for name in names:
        if name not in known:
            raise MetricsError(f"{name}: no such metric{did_you_mean(name, known)}; `inferledger metrics` lists all")
    allowed = _groups(names)
    for group in by:
        if group not in allowed:
            raise MetricsError(f"{', '.join(names)}: not by {group}; allowed are {', '.join(allowed)}")
    compared = [name for name in names if name in _against_last_week()]
    if compared and "week" not in by:
        raise MetricsError(f"{compared[0]}: only by week, as it stands against the week before")
    if first_day and last_day and first_day > last_day:
        raise MetricsError(f"{first_day} is after {last_day}: no day is between them")
    groups = [allowed[group] for group in by]
    # A constraint of MetricFlow's own is widened to the period that is asked by; a filter is of days, or of Mondays.
    grain = "day" if "day" in allowed else "week"
    time = f"{{{{ TimeDimension('metric_time', '{grain}') }}}}"
    where = [f"{time} >= '{first_day}'"] if first_day else []
    where += [f"{time} <= '{last_day}'"] if last_day else []
    # what has not ended is in no week
    where += [f"{time} is not null"] if set(by) & set(PERIODS) else []
    request = MetricFlowQueryRequest.create(
        metric_names=names, group_by_names=groups, order_by_names=groups, where_constraints=where or None
    )
    return str(_engine().explain(request).sql_statement.sql)


def _groups(names: Sequence[str]) -> dict[str, str]:
    """What all of the metrics can be asked by, with the name MetricFlow has for it.

    Of weeks, and of what stands against the week before, only weeks: a week is in no single month.
    """
    entities = {entity.name: entity.name for entity in _engine().entities_for_metrics(list(names))}
    dimensions = _engine().simple_dimensions_for_metrics(list(names))
    named = {one.name: one.dunder_name for one in dimensions if one.type.value == "categorical"}
    has_days = any(one.dunder_name == "metric_time__day" for one in dimensions) and not _against_last_week() & set(
        names
    )
    periods = {period: f"metric_time__{period}" for period in (PERIODS if has_days else ("week",))}
    return {**entities, **named, **periods}


def _meaning(description: str | None) -> str:
    """MetricFlow describes the sums by where they come from, which their label says better."""
    return "" if description is None or description.startswith("Metric created from measure") else description


class _DuckDb:
    """What MetricFlow asks of a database to write SQL for it; it is never given one to run it on."""

    def __init__(self) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        self.sql_engine_type = SqlEngine.DUCKDB
        self.sql_plan_renderer = DuckDbSqlPlanRenderer()


@cache
def _manifest() -> Any:
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

    written = prepare_manifest().with_name("semantic_manifest.json").read_text(encoding="utf-8")
    return parse_manifest_from_dbt_generated_manifest(written)


def _against_last_week() -> set[str]:
    """Metrics that compare with seven days before."""
    return {
        metric.name
        for metric in _manifest().metrics
        if any(one.offset_window for one in metric.type_params.metrics or [])
    }


@cache
def _engine() -> "MetricFlowEngine":
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    return MetricFlowEngine(SemanticManifestLookup(_manifest()), _DuckDb())  # type: ignore[arg-type]
