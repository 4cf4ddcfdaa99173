"""What the official validator wrote is read rule by rule: it ends with 0 whatever it finds."""

import pytest

from tests.conformance.focus_validator import problems_in

PASSED = "".join(f'<testcase name="Column-C-{number:03}-M :: Type" />' for number in range(136))


def rule(name: str, inside: str) -> str:
    return f'<testsuite name="{name}"><testcase name="{name} :: Nullability">{inside}</testcase></testsuite>'


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        (PASSED, []),
        (PASSED + rule("InvoiceId-C-004-C", "<failure />"), []),
        (PASSED + rule("BilledCost-C-003-M", "<skipped />"), []),
        (PASSED + rule("BilledCost-C-003-M", "<failure />"), ["BilledCost-C-003-M :: Nullability"]),
        (PASSED + rule("BilledCost-C-003-M", "<error />"), ["BilledCost-C-003-M :: Nullability"]),
        (rule("BilledCost-C-003-M", "<skipped />"), ["0 of 1 rules were applied, at least 100 are to be"]),
    ],
)
def test_every_failed_rule_but_the_known_one_is_a_problem(cases: str, expected: list[str]) -> None:
    assert problems_in(f"<testsuites>{cases}</testsuites>") == expected
