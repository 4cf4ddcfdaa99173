"""GPU samples of which only what they said is kept: not read again, not held against anything, not counted twice."""

from datetime import date

import duckdb
import pytest

from sources.contracts import validate_lake_table
from sources.dcgm.feed import SAMPLES
from sources.kept import KEPT
from sources.lake import ledger_path
from sources.ledger import FileLedger
from tests.unit.dbt_project.compiled import compiled, kept_samples, rows_of
from tests.unit.sources.landed import LandedHome

DCGM, TRITON = "dcgm/samples", "triton/samples"
FIRST_KEPT = date(2026, 8, 1)


def scrape(moment: str, watts: int = 300) -> tuple[str, str]:
    name = f"{DCGM}/n__at-{moment}.prom"
    return name, f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="g",Hostname="n"}} {watts}\n'


@pytest.fixture
def gone(home: LandedHome) -> LandedHome:
    """Samples of July that went when August began."""
    home.land(*scrape("20260710T080000Z"))
    home.land(*scrape("20260801T080000Z"))
    assert home.ingest().files_new == 2
    with FileLedger(ledger_path(home.root)) as ledger:
        july = [row for row in ledger.rows("status = 'committed'") if "202607" in row.path]
        ledger.keep_samples(FIRST_KEPT, {}, [(10, july)])
        assert ledger.expired_samples() == {("dcgm", "samples"): (1, 10)}
        assert ledger.kept_samples() == [FIRST_KEPT]
    return home


def test_what_has_gone_stays_known_and_is_not_read_again(gone: LandedHome) -> None:
    before = gone.meta("files")
    for _ in range(2):  # the first time its lake file is swept away, as after a kill
        summary = gone.ingest()
        assert (summary.files_new, summary.files_unchanged, summary.warnings) == (0, 2, [])
    assert gone.meta("files").equals(before)
    assert gone.lake(DCGM)["sampled_at"].dt.month().to_list() == [8]
    assert validate_lake_table(gone.root, SAMPLES) == []
    assert gone.merge() == []
    name, text = scrape("20260710T080000Z")
    gone.land(name, text)
    gone.land("dcgm/samples/copy/n__at-20260710T080000Z.prom", text)
    assert gone.ingest().files_new == 0
    assert gone.meta("gpu_samples").rows() == [(FIRST_KEPT,)]


def test_nothing_is_kept_before_samples_go(home: LandedHome) -> None:
    home.land(*scrape("20260710T080000Z"))
    home.ingest()
    assert home.meta("gpu_samples").rows() == [(date(1970, 1, 1),)]
    assert home.lake("kept/gpu_busy_hourly").is_empty()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        scrape("20260831T235959Z"),  # a sample before it that went may have had it as its next
        scrape("20260710T080000Z", watts=200),  # the same name, other bytes
        (
            f"{TRITON}/n-8002__at-20260810T080000Z.prom",
            'nv_gpu_power_usage{gpu_uuid="g"} 200\n'
            'nv_inference_request_success{model="m",version="1"} 5\n',
        ),
    ],
)  # fmt: skip
def test_late_samples_of_closed_days_are_named(gone: LandedHome, name: str, text: str) -> None:
    gone.land(name, text)
    before = gone.ingest()
    assert before.files_failed == 1
    [warning] = before.warnings
    assert name in warning
    assert "retention.gpu_samples_days" in warning
    [again] = gone.ingest().warnings
    assert again == warning
    assert gone.lake(DCGM)["sampled_at"].dt.month().to_list() == [8]
    (gone.root / "landing" / name).unlink()
    assert gone.ingest().warnings == []


def test_later_samples_and_those_of_engines_come_in(gone: LandedHome) -> None:
    gone.land(*scrape("20260901T000000Z"))
    gone.land(f"{TRITON}/n-8002__at-20260810T080000Z.prom", 'nv_inference_request_success{model="m",version="1"} 5\n')
    summary = gone.ingest()
    assert (summary.files_new, summary.files_failed, summary.warnings) == (2, 0, [])


@pytest.mark.parametrize("table", KEPT)
def test_what_is_kept_is_read_for_the_days_that_have_gone_alone(home: LandedHome, table: str) -> None:
    """A file whose days have not gone (a run was killed before) is beside their samples, and is not read."""
    home.ingest()
    folder = home.root / "lake" / "kept" / table
    with duckdb.connect() as connection:
        for day in ("2026-07-31", "2026-08-01"):
            others = ", ".join(
                f"null::{kind} as {name}" for name, kind in KEPT[table].items() if name != "sampled_date"
            )
            connection.execute(
                f"copy (select date '{day}' as sampled_date, {others}) to '{folder}/{day}.parquet' (format parquet)"
            )
    found = rows_of(compiled(f"stg_kept__{table}", str(home.root / "lake")), kept_samples(FIRST_KEPT))
    assert [row["sampled_date"] for row in found] == [date(2026, 7, 31)]
