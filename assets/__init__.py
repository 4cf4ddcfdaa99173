"""What gets built: thin steps over `sources`, their checks, and the Dagster assets made of them.

Never imports `pipelines`.
"""
