"""people.csv and tco.yml: each hour and each charge is in one line, or the file says where it is in two."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sources.home import Home, init_home
from sources.settings import SettingsError, load_settings
from sources.settings.tables import frame
from sources.settings.tco import SCHEMAS, config_rows

PEOPLE = "role,product_id,line,loaded_usd_per_year,share,is_serving,valid_from,valid_to\n"
FEATURES = "feature_id,feature_name,product_id,product_name\nchat,Chat,assistant,Assistant\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "home")
    (home.config / "features.csv").write_text(FEATURES)
    (home.config / "billing_accounts.csv").write_text(
        "service_provider,billing_account_id,gateway,gateway_provider\nopenai,org-1,litellm,openai\n"
    )
    return home


@pytest.fixture
def problems(home: Home) -> Callable[..., list[str]]:
    """Writes people.csv and tco.yml and answers with the problems they bring."""

    def write(people: str = "", tco: str = "") -> list[str]:
        (home.config / "people.csv").write_text(PEOPLE + people)
        (home.config / "tco.yml").write_text(tco)
        with pytest.raises(SettingsError) as caught:
            load_settings(home)
        return [str(problem) for problem in caught.value.problems]

    return write


def test_the_commented_examples_are_valid(home: Home) -> None:
    text = (home.config / "tco.yml").read_text()
    for key in ("charges", "costs", "model_updates", "remediation"):
        text = text.replace(f"{key}: []\n", f"{key}:\n")
    text = text[text.index("# hours_per_year") :].replace("support-chat", "chat")
    (home.config / "tco.yml").write_text("\n".join(line.removeprefix("# ") for line in text.splitlines()))
    example = (home.config / "people.csv").read_text().splitlines()[-1].removeprefix("# ")
    (home.config / "people.csv").write_text(f"{PEOPLE}{example}\n")
    settings = load_settings(home)
    assert [rule.rule_id for rule in settings.tco.charges] == ["vector-store", "guardrails"]
    assert settings.people[0].loaded_usd_per_year == Decimal("264400")
    assert settings.tco.horizon.inference_growth_percent_per_month == 3


def test_the_tables_hold_what_the_files_say(home: Home) -> None:
    (home.config / "people.csv").write_text(PEOPLE + "SRE,,storage_network_ci,240000,0.25,true,2026-08-01,\n")
    (home.config / "tco.yml").write_text(
        "charges:\n- {rule_id: a, line: supporting_layer, category: e, match: {model: [e-1, e-2], meter: input}}\n"
        "model_updates:\n- {update_id: u, date: 2026-09-14, engineer_hours: 40, role: SRE}\n"
        "horizon: {months: 2, inference_growth_percent_per_month: 10}\n"
    )
    settings = load_settings(home)
    rows = config_rows(settings.people, settings.tco)
    tables = {name: frame_of(name, rows) for name in SCHEMAS}
    assert [(row["model"], row["meter"], row["host"]) for row in tables["tco_charge_rules"]] == [
        ("e-1", "input", None),
        ("e-2", "input", None),
    ]
    assert tables["tco_model_updates"][0]["update_date"] == date(2026, 9, 14)
    assert [row["inference_factor"] for row in tables["tco_horizon"]] == [Decimal("1.1"), Decimal("1.21")]
    assert tables["people"][0]["share"] == Decimal("0.25")


def frame_of(name: str, rows: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return frame(name, rows[name]).rows(named=True)


def test_an_hour_in_two_lines_is_named_with_both_rows(problems: Callable[..., list[str]]) -> None:
    people = "SRE,,people,1,0.7,,2026-08-01,\nSRE,assistant,security_compliance,1,0.4,,2026-09-01,2026-10-01\n"
    assert problems(people) == [
        "people.csv, line 3, share: found 1.1 of 'SRE' on 2026-09-01, with 0.4 in security_compliance; allowed: "
        "shares of a role that add up to 1 at most, since an hour is in one line (line 2 has 0.7 in people)"
    ]


def test_shares_that_follow_each_other_may_be_whole(home: Home) -> None:
    (home.config / "people.csv").write_text(
        PEOPLE + "SRE,,people,240000,1,,2026-08-01,2026-09-01\nSRE,assistant,people,240000,1,,2026-09-01,\n"
    )
    assert len(load_settings(home).people) == 2


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("SRE,,peopel,1,1,,,", "line 2, line: found 'peopel'; allowed: people, inference"),
        ("SRE,,bad_answers,1,1,,,", "line 2, line: found 'bad_answers'"),
        ("SRE,,people,-1,1,,,", "line 2, loaded_usd_per_year: found '-1'"),
        ("SRE,,people,1,0,,,", "line 2, share: found '0'"),
        ("SRE,,people,1,1.5,,,", "line 2, share: found '1.5'"),
        (
            "SRE,asistant,people,1,1,,,",
            "line 2, product_id: found 'asistant'; allowed: a product of features.csv; did",
        ),
        ("SRE,,people,1,0.5,,,\nSRE,,people,1,0.5,,,", "line 3, role: found SRE / people valid from"),
        ("SRE,,people,1,1,,2026-09-01,2026-08-01", "line 2, valid_to: found 2026-08-01"),
    ],
)
def test_bad_people_are_named(problems: Callable[..., list[str]], row: str, problem: str) -> None:
    found = problems(row + "\n")
    assert len(found) == 1
    assert problem in found[0]


RULE = "{rule_id: a, line: supporting_layer, category: vectors, match: {service_provider: openai, meter: [x, y]}}"


def test_a_charge_in_two_lines_is_named_with_both_rules(problems: Callable[..., list[str]]) -> None:
    other = "{rule_id: b, line: storage_network_ci, category: disks, match: {meter: [y, z], host: direct}}"
    assert problems(tco=f"charges:\n- {RULE}\n- {other}\n") == [
        "tco.yml, line 3, charges[1].match: found 'b', which takes charges of 'a'; allowed: a match that takes none "
        "of 'a' (line 2, supporting_layer): a charge is in one line"
    ]


def test_calls_of_a_purpose_have_one_rule_too(problems: Callable[..., list[str]]) -> None:
    rules = [f"{{rule_id: {name}, line: supporting_layer, category: c, match: {{purpose: {said}}}}}"
             for name, said in (("a", "[eval, router]"), ("b", "guardrail"), ("c", "router"))]  # fmt: skip
    [problem] = problems(tco="charges:\n" + "".join(f"- {rule}\n" for rule in rules))
    assert "charges[2].match: found 'c', which takes charges of 'a'" in problem


@pytest.mark.parametrize(
    "other",
    [
        "match: {meter: z}",
        "match: {service_provider: x}",
        "match: {meter: y}, valid_to: 2026-08-01",
        "match: {purpose: eval}",
    ],
)
def test_charges_that_differ_or_follow_may_have_rules_of_their_own(home: Home, other: str) -> None:
    (home.config / "tco.yml").write_text(
        f"charges:\n- {RULE[:-1]}, valid_from: 2026-08-01}}\n"
        f"- {{rule_id: b, line: storage_network_ci, category: disks, {other}}}\n"
    )
    assert len(load_settings(home).tco.charges) == 2


@pytest.mark.parametrize(
    ("tco", "problem"),
    [
        (
            "charges:\n- {rule_id: a, line: inference, category: c, match: {meter: x}}",
            "charges[0].line: found 'inference'",
        ),
        ("charges:\n- {rule_id: a, line: storage_network_ci, category: c, match: {}}", "found a match of every charge"),
        (
            "costs:\n- {cost_id: a, line: security_compliance, category: c, usd_per_month: 1, source: s, "
            "service_provider: openai}",
            "costs[0].service_provider: found 'openai'; allowed: a provider without an account in billing_accounts.csv",
        ),
        (
            "costs:\n- {cost_id: a, line: security_compliance, category: c, usd_per_month: 0, source: s}",
            "costs[0].usd_per_month: found '0'",
        ),
        ("model_updates:\n- {update_id: u, date: 2026-09-14, engineer_hours: 4}", "usd_per_hour: found neither"),
        (
            "model_updates:\n- {update_id: u, date: 2026-09-14, engineer_hours: 4, usd_per_hour: 9, role: SRE}",
            "usd_per_hour: found both",
        ),
        (
            "model_updates:\n- {update_id: u, date: 2026-09-14, engineer_hours: 4, role: SRO}",
            "role: found 'SRO', of which 0 rows hold on 2026-09-14 for no product",
        ),
        (
            "model_updates:\n- {update_id: u, date: 2026-09-14, engineer_hours: 90, role: SRE}",
            "engineer_hours: found 90 hours of 'SRE' in 2026-09; allowed: at most the 86.67 it has",
        ),
        ("remediation:\n- {feature_id: chatt, usd_per_wrong_answer: 1}", "remediation[0].feature_id: found 'chatt'"),
        (
            "remediation:\n" + 2 * "- {feature_id: chat, usd_per_wrong_answer: 1}\n",
            "remediation[1].feature_id: found 'chat' again; allowed: spans that do not overlap (line 2)",
        ),
        ("horizon: {months: 60}", "horizon.months: found '60'"),
    ],
)
def test_bad_tco_settings_are_named(problems: Callable[..., list[str]], tco: str, problem: str) -> None:
    found = problems("SRE,,people,240000,0.5,,2026-08-01,\n", tco + "\n")
    assert len(found) == 1
    assert problem in found[0]
