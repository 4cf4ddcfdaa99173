"""What the anomaly models find on rows of int_anomaly_cells, with the settings a home begins with."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from sources.settings.models import Anomalies
from sources.settings.tables import CONFIG_SCHEMAS, frame
from tests.unit.dbt_project.rendered import built

MODELS = (
    "stg_config__anomaly_limits", "stg_config__anomaly_states", "int_anomaly_days", "int_anomaly_series_daily",
    "int_anomalies_found", "int_anomaly_causes", "anomalies_daily",
)  # fmt: skip
GROUPS: Mapping[str, Any] = {
    "service_provider": pl.String(),
    "billing_account_id": pl.String(),
    "usage_date": pl.Date(),
    "is_final": pl.Boolean(),
}


def anomalies(
    cells: pl.DataFrame,
    *,
    groups: pl.DataFrame | None = None,
    states: pl.DataFrame | None = None,
    settings: Anomalies | None = None,
) -> pl.DataFrame:
    """The rows of anomalies_daily; without `groups` every day is final."""
    tables = {
        "int_anomaly_cells": cells,
        "int_anchor_groups": pl.DataFrame(schema=GROUPS) if groups is None else groups,
        "anomaly_limits": frame("anomaly_limits", (settings or Anomalies()).rows),
        "anomaly_states": pl.DataFrame(schema=CONFIG_SCHEMAS["anomaly_states"]) if states is None else states,
    }
    with built(tables, *MODELS) as connection:
        found: pl.DataFrame = connection.sql("select * from anomalies_daily").pl()
    return found
