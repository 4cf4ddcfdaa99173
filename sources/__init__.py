"""What comes in: one package per feed (schema, reader, contract) and what all feeds share. Never Dagster or dbt."""
