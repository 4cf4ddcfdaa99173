"""When and how it runs: the command line, Dagster definitions, schedules, sensors. Nothing imports it."""
