"""The SQL of journal_lines as dbt compiles it for DuckDB, over any ledger."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jinja2

from assets.accounting.snapshots import mart_columns

PROJECT = Path(__file__).parents[4] / "dbt_project"
# What dbt makes of its own macros for DuckDB.
DBT = SimpleNamespace(
    type_string=lambda: "varchar",
    dateadd=lambda part, number, moment: f"date_add({moment}, interval ({number}) {part})",
)
SETTINGS = f"""
create or replace temp table stg_accounting__closed_journal_lines (
    {", ".join(" ".join(column) for column in mart_columns("journal_lines").items())}
);
create or replace temp table stg_config__settings as select 'Northwind' as company;
create or replace temp table stg_config__gl_map as
select
    line_type, cost_nature, service_provider, cost_center, account, department, class_name,
    null::varchar as intercompany_partner, tax_rate, date '1970-01-01' as valid_from, date '9999-12-31' as valid_to
from (values
    ('expense', null, null, null, '5100 Inference', null, 'AI', null),
    ('expense', null, 'northgpu', null, '5200 GPU rent', null, null, 'No VAT'),
    ('expense', null, null, 'unattributed', '5900 To be assigned', null, null, null),
    ('fx', null, null, null, '7900 Exchange differences', null, null, null),
    ('clearing', null, null, null, '2150 Inference clearing', 'Platform', null, null),
    ('accrued_liability', null, null, null, '2160 Accrued inference', 'Platform', null, null),
    ('rounding', null, null, null, '7990 Rounding', null, null, null)
) as rows (line_type, cost_nature, service_provider, cost_center, account, department, class_name, tax_rate);
"""


def journal_sql(ref: Callable[[str], str] = str) -> str:
    """`ref` says what the model's relations are called."""
    macros = jinja2.Template((PROJECT / "macros/billing/journal_id.sql").read_text()).module
    named = {name: macro for name, macro in vars(macros).items() if name.startswith("journal_")}
    model = (PROJECT / "models/marts/chargeback/journal_lines.sql").read_text()
    return jinja2.Template(model).render(ref=ref, dbt=DBT, **named)
