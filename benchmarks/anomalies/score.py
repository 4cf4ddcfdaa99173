"""Recall, precision and false alarms of the anomaly rules."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from benchmarks.anomalies.company import FIRST_DAY, Incident

Alarm = Mapping[str, Any]
ALARM = ("kind", "scope", "scope_id", "model", "since_date")


def alarms(found: pl.DataFrame) -> Sequence[Alarm]:
    """One per anomaly that is open, however many days it lasts."""
    rows = found.filter(pl.col("state") == "open").group_by(*ALARM).agg(last=pl.col("usage_date").max())
    return rows.sort(*ALARM).to_dicts()


def is_of(alarm: Alarm, incident: Incident) -> bool:
    """Whether the alarm rang while the incident lasted, or the day after, on something it touched."""
    first, last = FIRST_DAY + timedelta(days=incident.first), FIRST_DAY + timedelta(days=incident.last + 1)
    if alarm["last"] < first or alarm["since_date"] > last:
        return False
    scopes = (incident.scope, alarm["scope"])
    if incident.scope == alarm["scope"]:
        return bool(incident.scope_id == alarm["scope_id"])
    # The name of a key begins with its tenant's.
    if scopes == ("tenant", "key"):
        return str(alarm["scope_id"]).startswith(incident.scope_id)
    if scopes == ("key", "tenant"):
        return incident.scope_id.startswith(str(alarm["scope_id"]))
    return True


def is_found(incident: Incident, rung: Sequence[Alarm]) -> bool:
    """Whether an alarm of its own kind rang on exactly what the incident is of."""
    own = (incident.kind, incident.scope, incident.scope_id)
    return any(is_of(alarm, incident) and own == (alarm["kind"], alarm["scope"], alarm["scope_id"]) for alarm in rung)
