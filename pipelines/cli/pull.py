"""pull: fetch what providers' APIs and a gateway's database hold, in place of exporting it by hand."""

import click

from pipelines.cli.common import home_option, json_option, print_json
from sources.home import Home

EXAMPLES = """\b
Examples:
  inferledger pull --home acme             every account under `pulls` of config/inferledger.yml
  inferledger pull openai --home acme      one feed of them
  inferledger pull s3://logs/litellm/ --feed litellm/spend_logs --home acme
"""


@click.command(epilog=EXAMPLES)
@click.argument("what", required=False, metavar="[FEED|URL]")
@home_option
@click.option("--feed", "table", help="Landing table the files at URL are for, such as litellm/spend_logs.")
@click.option("--account", help="Folder below the landing table, such as the billing account of a bill.")
@json_option
def pull(what: str | None, home: Home, table: str | None, account: str | None, as_json: bool) -> None:
    """Fetch reports, logs and files into landing; `inferledger run` then takes them in.

    FEED is one of those under `pulls` of config/inferledger.yml, all of them when left out: providers' APIs and
    LiteLLM's database. Asks for what has not landed and for the last days again, as bills are restated. URL is a
    file, a folder or a pattern in an object store, on a web server or a disk; files that have not landed as they are
    now are copied.

    Can be killed and typed again at any time: it goes on from there. Keys come from the environment only.
    """
    from pipelines import pull as pulls
    from pipelines.progress import shown_progress

    is_address = what is not None and "://" in what
    if not is_address and (table or account):
        raise click.UsageError("--feed and --account go with a URL")
    with shown_progress() as progress:
        if what is not None and is_address:
            pulled = pulls.pull_address(home, what, table, account, progress, "inferledger pull")
        else:
            pulled = pulls.pull(home, what, progress, "inferledger pull")
    if as_json:
        print_json([vars(one) for one in pulled])
        return
    for one in pulled:
        name = "/".join(filter(None, (one.feed, one.table, one.report, one.account_id)))
        click.echo(f"pulled     {name}: {pulls.in_short(one)}")
    click.echo(f"Next: inferledger run --home {home.root}")
