"""Writes the reference pages that say what the code says: commands, settings, marts and feeds.

`make docs` runs it. What is not in the code, the meaning of a setting, stands in settings_meanings.yml. Everything
else in docs/ is written by hand.
"""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import yaml
from pydantic import BaseModel

from assets.publish import SPLITS
from pipelines.cli import cli
from sources.feed import FeedTable, Rule
from sources.registry import FEEDS
from sources.settings import models
from sources.settings.gpu_rates import GpuRates
from sources.settings.policy import ModelPolicy
from sources.settings.scenarios import Scenarios
from sources.settings.self_hosting import SelfHosting
from sources.settings.tco import Person, Tco

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
MARTS = ROOT / "dbt_project" / "models" / "marts"
NOTICE = "<!-- Written by `make docs` from {}. Do not edit. -->\n"
SETTINGS: Mapping[str, type[BaseModel]] = {
    "inferledger.yml": models.General,
    "tenants.csv": models.Tenant,
    "features.csv": models.Feature,
    "teams.csv": models.Team,
    "kubernetes_pods.csv": models.KubernetesPod,
    "api_keys.csv": models.ApiKey,
    "billing_accounts.csv": models.BillingAccount,
    "fx_rates.csv": models.FxRate,
    "gl_map.csv": models.GlAccount,
    "markups.csv": models.Markup,
    "token_budgets.csv": models.TokenBudget,
    "budgets.csv": models.Budget,
    "plan.csv": models.PlanRow,
    "anomaly_states.csv": models.AnomalyState,
    "disputes.csv": models.Dispute,
    "contracts.yml": models.Contracts,
    "gpu_rates.yml": GpuRates,
    "allocation.yml": models.Allocation,
    "cost_nature.yml": models.CostNatures,
    "feeds.yml": models.DeclaredFeeds,
    "self_hosting.yml": SelfHosting,
    "people.csv": Person,
    "tco.yml": Tco,
    "scenarios.yml": Scenarios,
    "model_policy.yml": ModelPolicy,
}


class StaleMeaningError(Exception):
    """settings_meanings.yml and the settings' models do not name the same settings."""


def pages() -> dict[str, str]:
    """Every generated page of docs/reference, by file name."""
    meanings = yaml.safe_load((ROOT / "docs" / "settings_meanings.yml").read_text())
    return {
        "commands.md": commands_page(meanings["exit_codes"]),
        "settings.md": settings_page(meanings["files"], meanings["environment"]),
        "marts.md": marts_page(),
        "feeds.md": feeds_page(),
    }


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    """Text that neither ends its cell nor, outside of code, starts a tag."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def code(text: str) -> str:
    return f"`{text}`"


# Commands


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words it is typed with."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def make_targets() -> dict[str, str]:
    """The targets of the Makefile that people type, with what they do."""
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z-]+):.*?## (.*)$", text, re.MULTILINE))


def commands_page(exit_codes: Mapping[str, str]) -> str:
    found = dict(commands(cli))
    if found.keys() != exit_codes.keys():
        raise StaleMeaningError(f"exit_codes: expected {sorted(found)}, found {sorted(exit_codes)}")
    parts = [
        NOTICE.format("the commands themselves"),
        "# Commands\n",
        "| exit code | meaning |\n| --- | --- |\n| 0 | done; warnings are named |\n| 1 | a check failed: what, where, "
        "how to see it |\n| 2 | wrong usage or settings |\n| 3 | another run has the home |\n",
        *(_command(name, command, exit_codes[name]) for name, command in found.items()),
        "## make\n",
        "In a checkout; each target sets up what it needs.\n",
        table(("target", "what it does"), [(code(f"make {name}"), text) for name, text in make_targets().items()]),
    ]
    return "\n".join(parts)


def _command(name: str, command: click.Command, exit_codes: str) -> str:
    context = click.Context(command, info_name=f"inferledger {name}")
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            rows.append((code(_typed(parameter)), _option_help(parameter)))
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("inferledger")]
    parts = [
        f"## inferledger {name}\n",
        f"```\n{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}\n```\n",
        _paragraphs(command.help or ""),
        table(("option", "meaning"), rows) if rows else "",
        f"Exits with {exit_codes}.\n",
        "```\n" + "\n".join(examples) + "\n```\n" if examples else "",
    ]
    return "\n".join(part for part in parts if part)


def _typed(option: click.Option) -> str:
    name = option.opts[0]
    return name if option.is_flag else f"{name} {(option.metavar or option.type.name.split()[0]).upper()}"


def _option_help(option: click.Option) -> str:
    text = option.help or ""
    if option.required:
        text += " Required."
    if option.show_default:
        text += f" Default {option.default}."
    return text.strip()


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n"


# Settings


def settings_page(files: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    parts = [
        NOTICE.format("sources/settings/models.py, its templates and docs/settings_meanings.yml"),
        "# Settings\n",
        "Files in `<home>/config/`. `inferledger init DIR` writes each of them with comments. All are read before "
        "anything is done; a mistake stops the command with exit code 2 and every mistake of every file: file, line, "
        "field, what was found, what is allowed. Lines of a CSV file that start with # are comments. An empty cell is "
        "a value left out.\n",
    ]
    if files.keys() != SETTINGS.keys():
        raise StaleMeaningError(f"files: expected {sorted(SETTINGS)}, found {sorted(files)}")
    for name, model in SETTINGS.items():
        rows = {key: (code(key), may, default) for key, may, default in fields(model)}
        said = files[name]["keys"]
        if rows.keys() != said.keys():
            missing, gone = sorted(rows.keys() - said.keys()), sorted(said.keys() - rows.keys())
            raise StaleMeaningError(f"settings_meanings.yml: {name}: missing {missing}, gone {gone}")
        parts.append(f"## {name}\n\n{files[name]['about']}\n")
        columns = ("column" if name.endswith(".csv") else "key", "may be", "default", "meaning")
        parts.append(table(columns, [(*rows[key], meaning) for key, meaning in said.items()]))
    parts.append("## Environment\n")
    parts.append(table(("variable", "meaning"), [(code(name), text) for name, text in environment.items()]))
    return "\n".join(parts)


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Every setting of a model with what it may be and its default; nested ones by their dotted path."""
    for name, info in model.model_fields.items():
        path = prefix + (info.alias or name)
        inner, metadata = _bare(info.annotation, list(info.metadata))
        nested, suffix = _nested(inner)
        if nested is None or suffix:
            yield path, _allowed(inner, metadata), _default(info.is_required(), info.default)
        elif prefix:
            yield path, "names with their values", _default(info.is_required(), info.default)
        if nested is not None:
            yield from fields(nested, f"{path}{suffix}.")


def _bare(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """A type without `| None` and without Annotated, with what the latter says."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
        return _bare(annotation, metadata)
    if get_origin(annotation) is Annotated:
        inner, *said = get_args(annotation)
        for one in said:
            metadata = [*metadata, *getattr(one, "metadata", [one])]
        return _bare(inner, metadata)
    return annotation, metadata


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    if get_origin(annotation) in (list, dict):
        inner, _ = _bare(get_args(annotation)[-1], [])
        suffix = "[]" if get_origin(annotation) is list else ".<name>"
        return (inner, suffix) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, "")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    return None, ""


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(code(str(value)) for value in get_args(annotation))
    if get_origin(annotation) is list:
        inner, said = _bare(get_args(annotation)[0], [])
        return "list" if _nested(annotation)[0] else f"list of {_allowed(inner, said)}"
    if get_origin(annotation) is dict:
        inner, said = _bare(get_args(annotation)[1], [])
        if _nested(annotation)[0]:
            return "names with their values"
        return f"names, each with {_allowed(inner, said)}"
    if annotation is date:
        return "day, YYYY-MM-DD"
    limits = {
        name: value
        for one in metadata
        for name in ("ge", "gt", "le", "max_digits", "decimal_places", "pattern")
        if (value := getattr(one, name, None)) is not None
    }
    if pattern := limits.get("pattern"):
        return f"text like {code(pattern)}"
    kind = {bool: "`true`, `false`", int: "whole number", str: "text"}.get(annotation, "number")
    bounds = [f"> {limits['gt']}"] if "gt" in limits else [f">= {limits['ge']}"] if "ge" in limits else []
    bounds += [f"<= {limits['le']}"] if "le" in limits else []
    bounds += [f"at most {limits['decimal_places']} decimals"] if "decimal_places" in limits else []
    return ", ".join([kind, *bounds])


def _default(is_required: bool, default: Any) -> str:
    if is_required:
        return "required"
    if default is None or default == models.OPEN_END:
        return "none"
    if isinstance(default, bool):
        return code(str(default).lower())
    return "empty" if default in ([], {}) or isinstance(default, BaseModel) else code(str(default))


# Marts


def marts() -> dict[str, dict[str, Any]]:
    """The contract of every published mart, by its name, with the folder it is in."""
    found = {}
    for path in sorted(MARTS.glob("*/_*__models.yml")):
        for model in yaml.safe_load(path.read_text())["models"]:
            found[model["name"]] = {**model, "folder": path.parent.name}
    return found


def _cut() -> str:
    return ", ".join(f"{code(name)} one for each {code(split.name)}" for name, split in SPLITS.items())


def marts_page() -> str:
    found = marts()
    parts = [
        NOTICE.format("the contracts in dbt_project/models/marts"),
        "# Marts\n",
        "Tables of `<home>/published/marts.duckdb`, and Parquet in `<home>/published/marts/`: one file a mart, "
        f"but for those that grow: {_cut()}. Money is USD without tax, exact to 12 "
        "decimals. Days, ISO weeks (by their Monday) and months are UTC. A tenant, product, feature, plan or "
        "environment nobody is known for is the word `unattributed`, never null. A ratio whose denominator is 0 or "
        "unknown is null. How to ask them: [query the marts](../how-to/query-the-marts.md).\n",
        table(
            ("mart", "one row per"),
            [
                (f"[{name}](#{name})", _grain(mart["description"]))
                for name, mart in sorted(found.items(), key=lambda item: item[0])
            ],
        ),
        *(_mart(name, mart) for name, mart in sorted(found.items())),
    ]
    return "\n".join(parts)


def _grain(description: str) -> str:
    first = " ".join(description.split()).split(". ")[0].rstrip(".")
    return first.removeprefix("One row per ")


def _mart(name: str, mart: Mapping[str, Any]) -> str:
    rows = [(code(column["name"]), column["data_type"], _described(column)) for column in mart["columns"]]
    key = _key(mart)
    parts = [
        f"## {name}\n",
        " ".join(mart["description"].split()) + "\n",
        f"Key: {', '.join(code(column) for column in key)}.\n" if key else "",
        table(("column", "type", "meaning"), rows),
    ]
    return "\n".join(part for part in parts if part)


def _key(mart: Mapping[str, Any]) -> list[str]:
    for test in mart.get("data_tests", []):
        if isinstance(test, dict) and "unique_combination" in test:
            return list(test["unique_combination"]["arguments"]["columns"])
    return [column["name"] for column in mart["columns"] if "unique" in column.get("data_tests", [])]


def _described(column: Mapping[str, Any]) -> str:
    text = " ".join(column["description"].split())
    for test in column.get("data_tests", []):
        if isinstance(test, dict) and "accepted_values" in test:
            values = test["accepted_values"]["arguments"]["values"]
            if not all(str(value) in text for value in values):
                text += f" One of {', '.join(map(str, values))}."
    return text


# Feeds


def feeds_page() -> str:
    parts = [
        NOTICE.format("sources/registry.py"),
        "# Feeds\n",
        "Each feed table takes the files of `<home>/landing/<feed>/<table>/` and becomes "
        "`<home>/lake/<feed>/<table>/`, one Parquet file a landed file, small ones merged. Times are UTC. "
        "`file_hash` and `row_number` say which landed file and row of it a lake row came from. "
        "How to export the files: [bring your own data](../how-to/start-with-your-own-data.md).\n",
        *(_feed(feed) for feed in FEEDS),
    ]
    return "\n".join(parts)


def _feed(feed: FeedTable) -> str:
    names = ", ".join(code(suffix) for suffix in feed.suffixes)
    if feed.replaces_same_name:
        same = "New content under a name and retrieval time replaces the old."
    else:
        same = "A file is known by its content, whatever its name: the same bytes count once."
    if feed.needs_retrieved_at:
        same += " Needs its retrieval time, in the name (`__retrieved-20260819T060000Z`) or in a sidecar."
    rows = [(code(name), kind, _rule(feed.contract.get(name, Rule()))) for name, kind in feed.columns.items()]
    parts = [
        f"## {feed.name}\n",
        feed.description + "\n",
        f"Files: {names}. {same}\n",
        table(("column", "type", "holds"), rows),
    ]
    return "\n".join(parts)


def _rule(rule: Rule) -> str:
    parts = ["always a value"] if rule.is_required else []
    parts += [f">= {rule.minimum}"] if rule.minimum is not None else []
    parts += [f"one of {', '.join(sorted(rule.allowed))}"] if rule.allowed is not None else []
    return ", ".join(parts)


def main() -> None:
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


if __name__ == "__main__":
    main()
