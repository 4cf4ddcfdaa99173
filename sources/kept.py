"""What is kept of samples whose days have gone: the tables that samples alone make, by the day they were taken on.

Each is named after the model that makes it, which reads what is kept of earlier days in place of their samples. No
price, bill, rate card or deployment is in them, so that those may still change for any day.
"""

from collections.abc import Mapping
from datetime import date, timedelta

KEPT_FOLDER = "kept"
# No step between two samples says anything of the hours before it when it is longer (744 hours in the models). So what
# samples of a day say depends on those of so many days after it, and on none that come later.
LONGEST_STEP = timedelta(days=31)

_GPU = {"sampled_date": "DATE", "node_id": "VARCHAR", "gpu_uuid": "VARCHAR"}
_ENGINE = {
    "sampled_date": "DATE",
    "engine_kind": "VARCHAR",
    "instance": "VARCHAR",
    "engine": "VARCHAR",
    "model_name": "VARCHAR",
}

KEPT: Mapping[str, Mapping[str, str]] = {
    "gpu_busy_hourly": {
        **_GPU,
        "hour_start": "TIMESTAMP",
        "slice_id": "VARCHAR",
        "covered_seconds": "DECIMAL(18,6)",
        "busy_seconds": "DECIMAL(18,12)",
    },
    "gpu_seen_days": {
        **_GPU,
        "slice_id": "VARCHAR",
        "slice_profile": "VARCHAR",
        "gpu_model": "VARCHAR",
        "samples": "BIGINT",
        "first_sampled_at": "TIMESTAMP",
        "last_sampled_at": "TIMESTAMP",
        "observed_until": "TIMESTAMP",
    },
    "gpu_energy_measured": {
        **_GPU,
        "hour_start": "TIMESTAMP",
        "method": "VARCHAR",
        "energy_mj": "DECIMAL(29,6)",
        "covered_us": "DECIMAL(18,0)",
        "gap_us": "DECIMAL(18,0)",
    },
    "gpu_metrics_measured": {
        **_GPU,
        "bucket_start": "TIMESTAMP",
        "mig_instance_id": "VARCHAR",
        "mig_profile": "VARCHAR",
        "metric": "VARCHAR",
        "unit": "VARCHAR",
        "kind": "VARCHAR",
        "samples": "BIGINT",
        "quantity_sum": "DECIMAL(38,6)",
        "quantity_min": "DECIMAL(26,6)",
        "quantity_max": "DECIMAL(26,6)",
        "quantity_p95": "DECIMAL(26,6)",
        "quantity_last": "DECIMAL(26,6)",
        "counter_increase": "DECIMAL(38,6)",
        "covered_seconds": "DECIMAL(18,6)",
    },
    "gpu_pods_scraped": {
        "sampled_date": "DATE",
        "hour_start": "TIMESTAMP",
        "node_id": "VARCHAR",
        "gpu_id": "VARCHAR",
        "slice_id": "VARCHAR",
        "namespace": "VARCHAR",
        "pod": "VARCHAR",
        "scrape_parts": "BIGINT",
    },
    "gpu_pod_labels": {
        "sampled_date": "DATE",
        "namespace": "VARCHAR",
        "pod": "VARCHAR",
        "pod_labels": "VARCHAR",
    },
    "engine_seen_days": {**_ENGINE, "first_sampled_at": "TIMESTAMP", "last_sampled_at": "TIMESTAMP"},
    "engine_kv_hourly": {
        **_ENGINE,
        "hour_start": "TIMESTAMP",
        "is_pressed": "BOOLEAN",
        "is_idle": "BOOLEAN",
        "used_share_seconds": "DECIMAL(18,12)",
        "covered_us": "DECIMAL(18,0)",
    },
    "engine_kv_values": {**_ENGINE, "used_share": "DECIMAL(26,6)", "samples": "BIGINT"},
    "engine_falls": {**_ENGINE, "sampled_at": "TIMESTAMP", "next_sampled_at": "TIMESTAMP"},
    "engine_steps": {
        **_ENGINE,
        "before_at": "TIMESTAMP",
        "sampled_at": "TIMESTAMP",
        "step_us": "BIGINT",
        "median_step_us": "BIGINT",
    },
    "engine_counts_hourly": {
        **_ENGINE,
        "hour_start": "TIMESTAMP",
        "metric": "VARCHAR",
        "increase": "BIGINT",
        "increase_known": "BIGINT",
    },
}


def kept_name(samples_from: date) -> str:
    """The file of each table with the days that went when samples began to be of this day."""
    return f"before-{samples_from}.parquet"


def closed_before(samples_from: date) -> date:
    """Days before take no sample any more: what is kept of earlier ones would have another next sample."""
    return samples_from + LONGEST_STEP
