from datetime import UTC, datetime

import pytest

from sources import clock


@pytest.mark.parametrize("text", ["2026-11-18T06:00:00Z", "2026-11-18T07:00:00+01:00", "2026-11-18T06:00:00"])
def test_now_is_what_the_environment_says_in_utc(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(clock.NOW_VARIABLE, text)
    assert clock.now() == datetime(2026, 11, 18, 6, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_without_it_now_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.NOW_VARIABLE, raising=False)
    assert abs((datetime.now(UTC) - clock.now()).total_seconds()) < 5


def test_a_text_that_is_no_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(clock.NOW_VARIABLE, "tomorrow")
    with pytest.raises(ValueError, match="INFERLEDGER_NOW='tomorrow': expected an ISO 8601 time"):
        clock.now()
