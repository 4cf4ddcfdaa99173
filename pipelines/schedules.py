"""When jobs run by the clock. Off until switched on, since a daemon may look at a home people still set up."""

import dagster as dg

from pipelines.jobs import build_marts, pull_all, report_week

# Before the build, and long after midnight UTC: days have ended.
pull_daily = dg.ScheduleDefinition(
    name="pull_daily",
    job=pull_all,
    cron_schedule="0 4 * * *",
    execution_timezone="UTC",
    description="Every day at 04:00 UTC: all `pulls` of inferledger.yml, keys from the daemon's environment.",
)
# Late enough for the gateway's files of the day before, early enough for office hours in Europe.
build_daily = dg.ScheduleDefinition(
    name="build_daily",
    job=build_marts,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    description="Every day at 05:00 UTC, also without new files: days become final and missing files show.",
)
# The last day of a week is billed on Monday and settled a day or two later: by Wednesday all of the week is final.
report_weekly = dg.build_schedule_from_partitioned_job(
    report_week,
    name="report_weekly",
    day_of_week=3,
    hour_of_day=6,
    minute_of_hour=0,
    description="Every Wednesday at 06:00 UTC, for the week that ended on Sunday.",
)
SCHEDULES = [pull_daily, build_daily, report_weekly]
