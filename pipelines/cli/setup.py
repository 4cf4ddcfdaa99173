"""Commands around a home: init, doctor."""

from pathlib import Path

import click

from pipelines.cli.common import home_option, json_option, print_json
from sources.home import Home, init_home


@click.command(epilog="\b\nExample:\n  inferledger init acme && inferledger doctor --home acme")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Lay out a home in DIRECTORY, with commented example settings.

    Files that are there already stay as they are.
    """
    home = init_home(directory)
    click.echo(f"{home.root} is a home.")
    click.echo(
        f"  settings   {home.config}: each file explains itself; start with tenants.csv and billing_accounts.csv"
    )
    click.echo(f"  files      {home.landing}/<feed>/<table>/: put exports there as they come")
    click.echo(f"Next: inferledger run --home {directory}")


@click.command()
@home_option
@json_option
def doctor(home: Home, as_json: bool) -> None:
    """Check versions, settings, disk, memory, lock and the published marts.

    Changes nothing. Exits with 1 when something would stop a run.
    """
    from pipelines.doctor import examine

    findings = examine(home)
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            colour = {"ok": "green", "warn": "yellow", "fail": "red"}[finding.state]
            click.echo(f"{click.style(f'{finding.state:<5}', fg=colour)} {finding.name:<12} {finding.text}")
    if any(finding.state == "fail" for finding in findings):
        raise click.exceptions.Exit(1)
