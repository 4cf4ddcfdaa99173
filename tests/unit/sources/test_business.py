from datetime import date, datetime
from decimal import Decimal

import pytest

from sources.user_keys import user_key
from tests.unit.sources.landed import HASH_KEY, PAYLOADS, LandedHome

TASKS = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at"
REVENUE = "revenue_id,tenant_id,product_id,plan,type,service_from,service_to,amount_ex_tax,currency"
USERS = "activity_date,tenant_id,product_id,user_id"
INVOICES = (
    "invoice_id,service_provider,billing_account_id,billing_period_start,billing_period_end,issued_at,line_type,"
    "amount_ex_tax,currency,description"
)
GOOD = {
    "tasks": (TASKS, "t-1,larch,answers,question,2026-08-10T09:00:00Z,2026-08-10T09:06:00Z,resolved,"),
    "revenue": (REVENUE, "r-1,larch,assistant,team,usage,2026-08-10,2026-08-10,1.50,USD"),
    "active_users": (USERS, "2026-08-10,larch,assistant,u-1"),
    "invoices": (INVOICES, "i-1,openai,acme,2026-08-01,2026-09-01,2026-09-03,usage,10.00,USD,"),
}


def test_payloads_become_typed_rows(home: LandedHome) -> None:
    for path in (PAYLOADS / "business").rglob("*.csv"):
        home.land(str(path.relative_to(PAYLOADS)), path.read_bytes())
    assert home.ingest().warnings == []
    closed, reopened, still_open = home.lake("business/tasks").rows(named=True)
    assert (closed["started_at"], closed["outcome"]) == (datetime(2026, 8, 10, 9), "resolved")
    assert (reopened["ended_at"], reopened["reopened_at"]) == (datetime(2026, 8, 10, 10), datetime(2026, 8, 11, 8))
    assert (still_open["ended_at"], still_open["outcome"], still_open["row_number"]) == (None, None, 4)
    amounts = home.lake("business/revenue")["amount_ex_tax"].to_list()
    assert amounts == [Decimal("1240"), Decimal("3.141592653589"), Decimal("-12.5")]
    first, second = home.lake("business/active_users").rows(named=True)
    assert first["user_key"] == second["user_key"] == user_key("ana@larch.example", HASH_KEY)
    usage, credit = home.lake("business/invoices").rows(named=True)
    assert (usage["issued_at"], usage["billing_period_end"]) == (datetime(2026, 9, 3), date(2026, 9, 1))
    assert (usage["description"], credit["description"]) == ("API usage, August", None)
    assert b"ana@larch" not in b"".join(home.bytes().values())


@pytest.mark.parametrize(
    ("table", "row", "field", "reason"),
    [
        ("tasks", ",larch,answers,question,2026-08-10T09:00:00Z,,,", "task_id", "missing; expected a value"),
        (
            "tasks",
            "t-2,larch,answers,question,yesterday,,,",
            "started_at",
            'found "yesterday"; expected a time such as 2026-08-10T09:20:46Z',
        ),
        (
            "tasks",
            "t-2,larch,answers,question,2026-08-10T09:00:00Z,2026-08-10T08:00:00Z,,",
            "ended_at",
            "2026-08-10 08:00:00 is before started_at 2026-08-10 09:00:00",
        ),
        (
            "tasks",
            "t-2,larch,answers,question,2026-08-10T09:00:00Z,2026-12-24T09:00:00Z,,",
            "ended_at",
            "date in the future: 2026-12-24 09:00:00",
        ),
        (
            "tasks",
            "t-2,larch,answers,question,2026-08-10T09:00:00Z,,solved,",
            "outcome",
            'found "solved"; expected one of resolved, unresolved, unknown, abandoned',
        ),
        ("tasks", "t-2,larch,answers", "line", "has 3 fields; the header has 8"),
        ("tasks", 't-2,"larch,answers,question,,,,', "line", "not a row of comma-separated values "),
        (
            "revenue",
            "r-2,larch,assistant,team,gift,2026-08-10,2026-08-10,1.50,USD",
            "type",
            'found "gift"; expected one of subscription, usage, credit_note',
        ),
        (
            "revenue",
            "r-2,larch,assistant,team,usage,2026-08-10,2026-08-09,1.50,USD",
            "service_to",
            "2026-08-09 is before service_from 2026-08-10",
        ),
        (
            "revenue",
            'r-2,larch,assistant,team,usage,2026-08-10,2026-08-10,"1,500.00",USD',
            "amount_ex_tax",
            'found "1,500.00"; expected a number such as 1234.50',
        ),
        (
            "revenue",
            "r-2,larch,assistant,team,usage,2026-08-10,2026-08-10,1.50,XXX",
            "currency",
            "currency 'XXX' has no rate in config/fx_rates.csv",
        ),
        (
            "revenue",
            "r-2,larch,assistant,team,usage,10.08.2026,2026-08-10,1.50,USD",
            "service_from",
            'found "10.08.2026"; expected a date such as 2026-08-10',
        ),
        ("active_users", "2026-12-24,larch,assistant,u-1", "activity_date", "date in the future: 2026-12-24"),
        ("active_users", "2026-08-10,larch,assistant,", "user_id", "missing; expected a value"),
        (
            "invoices",
            "i-1,openai,acme,2026-08-01,2026-09-01,2026-09-03,discount,10.00,USD,",
            "line_type",
            'found "discount"; expected one of',
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_are_kept(
    home: LandedHome, table: str, row: str, field: str, reason: str
) -> None:
    header, good = GOOD[table]
    home.land(f"business/{table}/a.csv", f"{header}\n{good}\n\n{row}\n{good}\n")
    summary = home.ingest()
    (reject,) = home.rejects()
    assert reject[:2] == (4, field)
    assert reject[2].startswith(reason)
    assert (summary.rows_read, summary.rows_kept) == (3, 2)
    assert home.lake(f"business/{table}")["row_number"].to_list() == [2, 5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "file: file is empty; expected a header task_id,"),
        ("\n \r\n", "file: file is empty; expected a header task_id,"),
        (
            TASKS.replace("tenant_id", "tenant") + "\n",
            "tenant_id: missing in the header (line 1); the columns are task_id",
        ),
        (TASKS.replace(",", ";") + "\n", f"{TASKS.replace(',', ', ')}: missing in the header (line 1)"),
        (TASKS + ",task_id\n", "task_id: stands twice in the header (line 1)"),
        (TASKS.encode("utf-16"), "file: file is UTF-16 or UTF-32 (line 1, byte 0); expected UTF-8"),
    ],
)
def test_a_wrong_header_fails_the_file_with_the_columns_it_needs(
    home: LandedHome, content: str | bytes, reason: str
) -> None:
    home.land("business/tasks/a.csv", content)
    home.ingest()
    assert (home.ledger()[0].reason or "").startswith(reason)


def test_a_header_alone_is_a_week_without_tasks(home: LandedHome) -> None:
    home.land("business/tasks/a.csv", TASKS + "\n")
    summary = home.ingest()
    assert (summary.files_new, summary.rows_read, summary.warnings) == (1, 0, [])


def test_a_row_that_is_not_utf8_is_named_by_byte(home: LandedHome) -> None:
    header, good = GOOD["active_users"]
    data = f"{header}\n{good}\n".encode() + b"2026-08-10,larch,assistant,jos\xe9\n"
    home.land("business/active_users/a.csv", data)
    home.ingest()
    assert home.rejects() == [(3, "line", f"not UTF-8: byte 0xe9 at byte offset {len(data) - 2}")]


def test_spreadsheet_habits_do_no_harm(home: LandedHome) -> None:
    """A byte order mark, Windows line ends, spaces, another order of columns, one more column."""
    text = "product_id,user_id,note,tenant_id,activity_date\r\nassistant, u-1 ,x,larch,2026-08-10\r\n"
    home.land("business/active_users/a.csv", b"\xef\xbb\xbf" + text.encode())
    summary = home.ingest()
    row = home.lake("business/active_users").row(0, named=True)
    assert (row["activity_date"], row["user_key"]) == (date(2026, 8, 10), user_key("u-1", HASH_KEY))
    assert summary.warnings == [
        "landing/business/active_users/a.csv: fields nobody here knows, with the rows seen: note (1)"
    ]
