"""The weekly unit-economics report: one script-free HTML file, read from the published marts only.

queries (SQL), kpis (headline ratios), status (how good the data is), tables and charts (what is shown), weekly (the
file).
"""
