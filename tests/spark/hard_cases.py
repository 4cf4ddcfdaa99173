"""A company of four weeks and an old one: what two engines are likely to count differently, and what comes later."""

import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from sources.home import Home
from tests.faults.conftest import ROOT, environment
from tests.integration.test_incremental_builds import dearer, land_logs, lines_of, on, restate
from tests.integration.test_other_units import CALLS, FEEDS

# What other architectures of a feature need less of each prompt: of one model, of two with the same verdict, of shares.
SCENARIO = """
- scenario_id: hard
  feature_id: support_chat
  answer: request
  alternatives:
  - alternative_id: tuned
    models: [{service_provider: openai, model_id: gpt-5-nano, fewer_input_tokens: 333}]
    quality: {correct: 2999, judged: 3001, source: evaluation}
    flags: {switching_usd: "99999999.99999999"}
  - alternative_id: tied
    models: [{service_provider: openai, model_id: gpt-5-nano, fewer_input_tokens: 333}]
    quality: {correct: 2999, judged: 3001, source: evaluation}
    flags: {switching_usd: "0.00000001"}
  - alternative_id: shared
    models:
    - {service_provider: openai, model_id: gpt-5-nano, share: "0.333333", fewer_input_tokens: 1}
    - {service_provider: openai, model_id: gpt-5-nano, share: "0.666667", fewer_input_tokens: 999999999}
    quality: {correct: 1, judged: 30, source: evaluation}
    flags: {switching_usd: "33333333.33333333"}
"""
# Balances, one that is used up on its first day and one in another currency after it, and every other kind of term.
TERMS = """
terms:
- {term_id: brook, kind: prepaid, service_provider: openrouter, billing_account_id: org-brook, valid_from: 2026-10-05,
   amount_usd: "99999999.99999999", source: order form}
- {term_id: other, kind: prepaid, service_provider: openrouter, billing_account_id: org-other, valid_from: 2026-10-05,
   valid_to: 2026-11-12, amount_usd: "0.00000001", source: order form}
- {term_id: used-up, kind: prepaid, service_provider: openai, valid_from: 2026-10-05, valid_to: 2026-10-25,
   amount_usd: "0.33333333", used_before_usd: "0.33333332", source: order form}
- {term_id: in-euros, kind: prepaid, service_provider: openai, valid_from: 2026-10-25, currency: EUR,
   amount_in_currency: "77777777.77777777", used_before_in_currency: "0.00000007", source: order form}
- {term_id: promised, kind: commitment, service_provider: anthropic, valid_from: 2026-10-05, valid_to: 2026-11-02,
   amount_usd: "33333333.33333333", source: order form}
- {term_id: at-least, kind: minimum, service_provider: anthropic, valid_from: 2026-10-05, amount_usd: "3333.33333333",
   source: order form}
- {term_id: by-volume, kind: volume_discount, service_provider: openai, valid_from: 2026-10-05, source: order form,
   bands: [{above_usd: "0.00000001", percent_off: "3.333333"}, {above_usd: "0.33333333", percent_off: "33.333333"}]}
- {term_id: by-call, kind: call_fee, service_provider: openai, valid_from: 2026-10-05, usd_per_call: "0.00000003",
   source: order form}
- {term_id: by-usage, kind: usage_fee, service_provider: anthropic, valid_from: 2026-10-05,
   percent_of_usage: "5.555555", source: order form}
- {term_id: by-hour, kind: provisioned, service_provider: openai, valid_from: 2026-10-05, units: 33, models: [none],
   usd_per_unit_hour: "0.33333333", source: order form}
"""
# Files of settings the company does without: what tenants pay and may use, what is disputed, which models they may ask.
SETTINGS = {
    "markups.csv": """tenant_id,plan,cost_plus_percent,multiple,valid_from,valid_to
,,33.3333,,,
atlas-bank,,,2.333333,2026-11-03,
brightmart,,0.0001,,,
""",
    "token_budgets.csv": """tenant_id,tokens_per_month,valid_from,valid_to
atlas-bank,999999999999,2026-10-01,
brightmart,1,2026-10-15,
""",
    "disputes.csv": """chargeback_line_id,tenant_id,posting_period,service_provider,status,reason,opened
,atlas-bank,2026-10,openai,open,Retries,2026-11-03
""",
    "model_policy.yml": """rules:
- {policy_id: no-frontier, models: ["claude-opus-*"], allow: false, use_instead: claude-haiku-4-5, reason: cost}
rate_limits:
- {service_provider: openai, models: ["gpt-5*"], tokens_per_minute: 333, requests_per_minute: 1}
""",
}
# What was ever bought and used, by account and moment: two answers on one day, more used than bought.
CREDITS = {
    "org-brook": {
        "20261031T235959Z": ("99999999999.999999999999", "33333333333.333333333333"),
        "20261101T000000Z": ("99999999999.999999999999", "33333333333.333333333334"),
        "20261101T120000Z": ("99999999999.999999999999", "33333333333.333333333335"),
        "20261116T060000Z": ("99999999999.999999999999", "99999999999.999999999998"),
    },
    "org-other": {"20261030T060000Z": ("0.000000000001", "7.000000000007"), "20261115T060000Z": ("10", "0.1")},
}

FIRST_DAY, FIRST_DAY_OF_GPUS, EMPTY_DAY = "2026-10-19", "2026-11-10", "2026-10-28"
# Calls, and samples of GPUs and engines, old enough to go when the second run begins: the only ones that do.
OLD_WEEK, OLD_BEFORE = ("2026-08-24", "2026-08-30"), date(2026, 9, 1)
# Of the month that goes with its calls, and of the next, in which nothing was asked.
CLOSED = ("2026-08", "2026-09")
# In the United States and in Europe, with a summer time that ends at these hours.
DAYS_OF_25_HOURS = ("2026-10-25", "2026-11-01")


def make_home(folder: Path) -> Home:
    """The company, before its first run."""
    made = ["-m", "examples.company", "--out", str(folder), "--scale", "0.02", "--step", "1800", "--seed", "7"]
    subprocess.run([sys.executable, *made], cwd=ROOT, env=environment(), check=True, capture_output=True)
    home = Home(folder / "home")
    for path in home.landing.rglob("*"):
        days = re.findall(r"\d{4}-\d{2}-\d{2}", path.name)
        if path.is_file() and days and path.parent.name not in ("invoices", "revenue"):
            first = FIRST_DAY_OF_GPUS if {"dcgm", "vllm"} & set(path.parts) else FIRST_DAY
            last = days[min(1, len(days) - 1)]
            is_old = OLD_WEEK[0] <= days[0] and last <= OLD_WEEK[1]
            if (last < first and not is_old) or days[0] == EMPTY_DAY:
                path.unlink()
    _land_hard_calls(home)
    _land_calls_in_other_units(home)
    _land_hard_money(home)
    _ask_hard_questions(home)
    _land_credits(home)
    _land_costs_of_pods(home)
    settings = home.config / "inferledger.yml"
    # What is landed here is on no bill.
    text = re.sub(r"(unpriced_share|unattributed_share|quarantined_share): .*", r"\1: 1", settings.read_text())
    text = re.sub(r"unexplained_usd: .*", "unexplained_usd: 1000000000", text)
    settings.write_text(
        text.replace("retention:\n", "retention:\n  gpu_5m_days: 62\n  samples_days: 62\n  calls_days: 62\n")
    )
    shutil.rmtree(folder / "truth")
    return home


def land_what_comes_later(home: Home) -> None:
    """A new day; calls of weeks before sent again, one later and changed, one on another day; bills corrected."""
    new = [on("2026-11-17", line, request_id=f"{line['request_id']}-n") for line in lines_of(home, "2026-11-13")]
    old = lines_of(home, "2026-10-21")
    changed = old[6] | {"updated_at": "2026-11-16 10:00:00.000000+00:00"}
    land_logs(
        home, "spend_logs_2026-11-17.ndjson", [*new, *old[:5], on("2026-10-22", changed), *lines_of(home, "2026-11-01")]
    )
    for monday in ("2026-11-02", OLD_WEEK[0]):
        restate(home, "costs", dearer, monday)


def _land_hard_calls(home: Home) -> None:
    [line, *others] = lines_of(home, "2026-10-25")[:12]
    calls = [_of_tokens(line, "huge", 30_000_000_000, 3_000_000_000), _of_tokens(line, "tiny", 1, 0)]
    calls += [_of_tokens(line, "nothing", 0, 0), _of_tokens(line, "odd", 33_333_333_331, 7)]
    # The same moment, model and tokens under other names, and the same call twice.
    calls += [on("2026-10-26", line, request_id=f"tie-{number}", litellm_call_id="") for number in (3, 1, 2, 2)]
    calls += [
        line | {"request_id": f"empty-{number}", "user": None, "end_user": None, "team_id": None, "metadata": None,
                "completionStartTime": None, "request_tags": None, "session_id": None, "api_base": None}
        for number in (1, 2)
    ]  # fmt: skip
    for day in DAYS_OF_25_HOURS:
        hours = ("00:00:00", "00:59:59.999999", "01:00:00", "06:30:00", "23:59:59.999999")
        for hour, other in zip(hours, others, strict=False):
            moment = f"{day} {hour}+00:00"
            times = {"startTime": moment, "endTime": moment, "completionStartTime": moment}
            calls.append(other | times | {"request_id": f"clock-{day}-{hour}"})
    land_logs(home, "spend_logs_hard.ndjson", calls)


def _of_tokens(line: dict[str, Any], name: str, prompt: int, completion: int) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    metadata = json.loads(line["metadata"])
    metadata["usage_object"] = usage
    return line | usage | {"request_id": f"hard-{name}", "metadata": json.dumps(metadata), "spend": prompt / 7e9}


def _land_calls_in_other_units(home: Home) -> None:
    (home.config / "feeds.yml").write_text(FEEDS)
    folder = home.landing / "declared" / "calls" / "units"
    folder.mkdir(parents=True)
    (folder / "calls_2026-10-27.csv").write_text(CALLS.replace("2026-08-10", "2026-10-27"))


def _land_hard_money(home: Home) -> None:
    folder = home.landing / "business" / "revenue"
    [path] = folder.glob("*_2026-11-01.csv")
    header, first, *_ = path.read_text().splitlines()
    tenant = first.split(",")[1]
    rows = [("99999999999.99", "most"), ("0.01", "least"), ("-33333333.33", "back"), ("10.00", "third")]
    lines = [
        f"hard-{name},{tenant},assistant,enterprise,subscription,2026-11-01,2026-11-30,{usd},USD" for usd, name in rows
    ]
    (folder / "revenue_2026-11-02.csv").write_text("\n".join([header, *lines]) + "\n")


def _ask_hard_questions(home: Home) -> None:
    """What the company's settings leave out: a commitment for GPUs, architectures that need less of a prompt, terms."""
    for name, said in SETTINGS.items():
        assert not (home.config / name).exists()
        (home.config / name).write_text(said)
    rates = home.config / "gpu_rates.yml"
    [node, others] = rates.read_text().split("deployments:")
    # Offered up to the first day whose use is known: half of the hours of that week use more than three GPUs, of four.
    offered = node.replace("'0.84'", "'0.84333333'\n  committed_usd_per_gpu_hour: '0.33333333'\n  valid_to: 2026-11-11")
    after = node.replace("nodes:\n", "").replace("'0.84'", "'0.84333333'").replace("'2026-08-10'", "2026-11-11")
    rates.write_text(f"{offered}{after}deployments:{others}")
    with (home.config / "scenarios.yml").open("a") as scenarios:
        scenarios.write(SCENARIO)
    with (home.config / "contracts.yml").open("a") as contracts:
        contracts.write(TERMS)


def _land_credits(home: Home) -> None:
    with (home.config / "billing_accounts.csv").open("a") as accounts:
        accounts.writelines(
            f"openrouter,{account},litellm,openrouter-{account},1,USD,2026-08-01,\n" for account in CREDITS
        )
    for account, answers in CREDITS.items():
        folder = home.landing / "openrouter" / "credits" / account
        folder.mkdir(parents=True)
        for moment, (bought, used) in answers.items():
            said = f'{{"data": {{"total_credits": {bought}, "total_usage": {used}}}}}'
            (folder / f"credits__retrieved-{moment}.json").write_text(said)


def _land_costs_of_pods(home: Home) -> None:
    """What OpenCost says of one pod whose use is known, and of others."""
    [payload] = (ROOT / "examples/payloads/opencost/allocations").glob("*.json")
    said = payload.read_text().replace("2026-08-1", "2026-11-1")
    for other, ours in (("llama-70b-0", "vllm-llama-0"), ('"llama"', '"inference"'), (": 96,", ": 33.333333,")):
        assert other in said
        said = said.replace(other, ours)
    folder = home.landing / "opencost" / "allocations"
    folder.mkdir(parents=True)
    (folder / payload.name.replace("2026-08-1", "2026-11-1")).write_text(said)
