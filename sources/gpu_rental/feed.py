"""Bills of rented GPUs: RunPod's pod billing (REST API v1 and v2) as JSON, any other as a CSV of fixed columns.

A line names the machine it is for, so that it can take the place of the rent that gpu_rates.yml expects of the node.
RunPod names no account: the folder does, landing/gpu_rental/bills/<billing account>/.
"""

from pathlib import Path

from sources.bill import BILL_COLUMNS, CHARGE_CATEGORIES, LINE_PROBLEMS, bill_table
from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.mapped import Layout, Value, read_mapped

_NO_TOKENS = {"is_ai": Value(sql="false"), "meter": Value(sql="'other'"), "service_tier": Value(sql="'standard'")}
_DAY = ("%Y-%m-%d",)
# v1 writes some times without a T.
_TIMES = ("%Y-%m-%d %H:%M:%S",)

# v2 is an object with `records`, v1 a list of them. v1 says no end, and its bucket is never longer than a day.
_RUNPOD = Layout(
    columns=BILL_COLUMNS,
    records="/records",
    values={
        "resource_id": Value(("podId",), is_required=True),
        "charge_start": Value(("startTime", "time"), "moment", is_required=True, formats=_TIMES),
        "said_end": Value(("endTime",), "moment", formats=_TIMES),
        "billed_amount": Value(("totalAmount", "amount"), "money", is_required=True),
        "billed_milliseconds": Value(("timeBilledMs",), "count"),
        "day": Value(sql="date_trunc('day', v_charge_start)"),
        "charge_end": Value(sql="coalesce(v_said_end, cast(v_day + interval 1 day as timestamp))"),
        # An export that comes again replaces the days it has.
        "billing_period_start": Value(sql="v_day"),
        "billing_period_end": Value(sql="v_day + interval 1 day"),
        "service_provider": Value(sql="'runpod'"),
        "billing_account_id": Value(sql="getvariable('mapped_account_id')"),
        "charge_category": Value(sql="'usage'"),
        "resource_hours": Value(sql="cast(cast(v_billed_milliseconds as double) / 3600000 as decimal(26, 6))"),
        "unit": Value(sql="'hours'"),
        "currency": Value(sql="'USD'"),
        "line_item": Value(sql="'pod ' || v_resource_id"),
        **_NO_TOKENS,
    },
    time_column="charge_start",
    problems=(
        (
            "charge_end > billing_period_end",
            "endTime",
            "'the record is of more than a day; export with bucketSize=day'",
        ),
        (
            "resource_hours > 24",
            "timeBilledMs",
            "'more than a day of one pod; export with bucketSize=day and grouping=podId'",
        ),
        *LINE_PROBLEMS,
    ),
    may_be_empty=True,
)
_CSV = Layout(
    columns=BILL_COLUMNS,
    values={
        "service_provider": Value(("service_provider",), is_required=True),
        "billing_account_id": Value(("billing_account_id",), is_required=True),
        "invoice_id": Value(("invoice_id",)),
        "resource_id": Value(("resource_id",)),
        "charge_start": Value(("charge_start",), "moment", is_required=True, formats=_DAY),
        "charge_end": Value(("charge_end",), "moment", is_required=True, formats=_DAY),
        "said_period_start": Value(("billing_period_start",), "moment", formats=_DAY),
        "said_period_end": Value(("billing_period_end",), "moment", formats=_DAY),
        "charge_category": Value(("charge_category",), default="usage", allowed=CHARGE_CATEGORIES, is_closed=True),
        "resource_hours": Value(("resource_hours",), "quantity"),
        "gpu_hours": Value(("gpu_hours",), "quantity"),
        "billed_amount": Value(("billed_amount",), "money", is_required=True),
        "currency": Value(("currency",), is_required=True),
        "line_item": Value(("line_item", "resource_id", "charge_category"), default="rent"),
        "billing_period_start": Value(sql="coalesce(v_said_period_start, date_trunc('month', v_charge_start))"),
        "billing_period_end": Value(sql="coalesce(v_said_period_end, v_billing_period_start + interval 1 month)"),
        "unit": Value(sql="'hours'"),
        **_NO_TOKENS,
    },
    time_column="charge_start",
    problems=LINE_PROBLEMS,
)


def _read(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    if not file.name.endswith(".json"):
        return read_mapped(_CSV, file, context, out_parquet, out_rejects)
    if file.account_id is None:
        raise UnreadableFileError(
            "RunPod's files name no account: put them into landing/gpu_rental/bills/<billing account>/", "folder"
        )
    return read_mapped(_RUNPOD, file, context, out_parquet, out_rejects)


BILLS = bill_table(
    "gpu_rental",
    "bills",
    _read,
    suffixes=(".json", ".csv", ".csv.gz"),
    description="One row per line of a bill for rented GPUs: RunPod's pod billing, or a CSV of fixed columns.",
)
