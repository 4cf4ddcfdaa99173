"""A model of the dbt project as dbt compiles it for DuckDB, and its rows on literal inputs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import polars as pl

from sources.contracts import polars_type
from sources.kept import KEPT

PROJECT = Path(__file__).parents[3] / "dbt_project"
# Stands for the lake's folder until a test says where it is.
_LAKE = "<lake>"
NONE_WENT = date(1970, 1, 1)
Rows = Sequence[tuple[Any, ...]]


@cache
def _environment() -> jinja2.Environment:
    """Jinja with what dbt itself brings, as far as the models of telemetry use it, and the project's macros.

    Made once: to read the macros takes longer than what most tests ask DuckDB.
    """
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals |= {
        "dbt": SimpleNamespace(
            datediff=lambda first, second, part: f"date_diff('{part}', {first}, {second})",
            dateadd=lambda part, count, to: f"date_add({to}, interval ({count}) {part})",
            type_string=lambda: "varchar",
            generate_series=lambda count: f"select unnest(range(1, {count} + 1)) as generated_number",
        ),
        "adapter": SimpleNamespace(
            dispatch=lambda name, package: (
                environment.globals.get(f"duckdb__{name}") or environment.globals[f"default__{name}"]
            )
        ),
        "return": lambda value: value,
        "ref": str,
        "config": lambda **options: "",
        "source": lambda feed, table: None,
        # Only a build that goes on from another needs its order.
        "comes_after": lambda model: None,
        # A full build, which touches everything.
        "is_touched": lambda by, day, file=None: "true",
        "is_touched_month": lambda by, month: "true",
        "is_touched_moment": lambda by, moment: "true",
        "is_touched_or_next": lambda by, day: "true",
        "is_touched_or_before": lambda by, day: "true",
        "is_touched_or_surrounding": lambda by, day: "true",
        "raw": lambda feed, table: f"read_parquet('{_LAKE}/{feed}/{table}/*.parquet', union_by_name = true)",
    }
    folders = [PROJECT / "macros" / name for name in ("billing", "gpu", "self_hosting", "usage")]
    names = ("divide_exact", "percentile_95", "split_exact", "usd_from_millionths")
    shared = [PROJECT / f"macros/{name}.sql" for name in names]
    paths = [*shared, *(path for folder in folders for path in sorted(folder.glob("*.sql")))]
    environment.globals["within_database"] = str
    # A macro knows those that were there when it was read: twice, so that each knows all.
    for path in [*paths, *paths]:
        module = environment.from_string(path.read_text(encoding="utf-8")).module
        environment.globals |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return environment


@cache
def compiled(model: str, lake: str = "", **macros: Callable[..., Any]) -> str:
    """The SQL of a model below dbt_project/models; its inputs are called by their models' names.

    `macros` stand in for those of the project.
    """
    [path] = (PROJECT / "models").rglob(f"{model}.sql")
    return _environment().from_string(path.read_text(encoding="utf-8")).render(macros).replace(_LAKE, lake)


def rendered(template: str) -> str:
    """A template of the project's macros, such as {{ divide_exact('a', 'b', 'c') }}."""
    return _environment().from_string(template).render().replace(_LAKE, "")


def rows_of(sql: str, inputs: Mapping[str, pl.DataFrame | str]) -> list[dict[str, Any]]:
    """What a compiled model makes of these tables; a text is the SQL of another model, computed once."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name, table in inputs.items():
            if isinstance(table, str):
                connection.execute(f"create table {name} as {table}")
            else:
                connection.register(name, table.to_arrow())
        found = connection.execute(f"select * from ({sql})")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def kept_samples(samples_from: date = NONE_WENT) -> dict[str, pl.DataFrame]:
    """What is kept of samples that have gone: nothing, as of none."""
    return {
        "stg_meta__first_days": pl.DataFrame({"samples_from": [samples_from], "calls_from": [NONE_WENT]}),
        **{
            f"stg_kept__{name}": pl.DataFrame(schema={column: polars_type(kind) for column, kind in columns.items()})
            for name, columns in KEPT.items()
        },
    }


def telemetry(lake: Path) -> dict[str, pl.DataFrame | str]:
    """The seed, the staged samples of all sources of a lake, and what the canonical models make of them."""
    types = {"factor": pl.Decimal(18, 6)}
    staged = ("dcgm", "nvidia_smi", "triton", "vllm", "sglang", "tgi")
    return {
        **kept_samples(),
        "telemetry_metrics": pl.read_csv(PROJECT / "seeds/telemetry_metrics.csv", schema_overrides=types),
        **{f"stg_{feed}__samples": compiled(f"stg_{feed}__samples", str(lake)) for feed in staged},
        **{model: compiled(model) for model in ("int_gpu_samples", "int_engine_samples")},
    }
