"""What runs together: everything up to the published marts, and one week's report."""

import dagster as dg

from assets.graph import WEEKLY_REPORT

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
JOBS = [build_marts, report_week]
