"""What runs together: the pulls, everything up to the published marts, and one week's report."""

import dagster as dg

from assets.graph import WEEKLY_REPORT
from pipelines.resources import HomeResource


@dg.op
def pull_accounts(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Every account under `pulls` of inferledger.yml. What fails does not stop the others, but fails the run."""
    from pipelines.progress import Progress
    from pipelines.pull import in_short, pull

    for one in pull(home.find(), None, Progress(), f"dagster run {context.run_id}"):
        context.log.info(f"{one.feed}/{one.table}/{one.account_id}: {in_short(one)}")


@dg.job(description="Fetch what APIs and LiteLLM's database hold into landing; the sensor new_files takes it in.")
def pull_all() -> None:
    pull_accounts()


build_marts = dg.define_asset_job(
    "build_marts",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(WEEKLY_REPORT),
    description="Take in every new file, build, check and publish the marts, write chargeback files that changed.",
)
report_week = dg.define_asset_job(
    "report_week",
    selection=dg.AssetSelection.assets(WEEKLY_REPORT),
    description="Write the unit-economics report of one ISO week from the published marts.",
)
JOBS = (pull_all, build_marts, report_week)
