"""The Dagster code location: puts assets, jobs, schedules, sensors and resources together. Nothing is defined here."""

import dagster as dg

from assets.graph import asset_graph
from assets.warehouse import prepare_manifest
from pipelines.jobs import JOBS
from pipelines.resources import RESOURCES
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS

# One process a run: DuckDB takes one writer, and a process a step would cost 25 CPU seconds each.
defs = dg.Definitions(
    assets=asset_graph(prepare_manifest()),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources=RESOURCES,
    executor=dg.in_process_executor,
)
