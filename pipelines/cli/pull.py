"""pull: fetch what providers' APIs and a gateway's database hold, in place of exporting it by hand."""

import click

from pipelines.cli.common import home_option, json_option, print_json
from sources.home import Home

EXAMPLES = """\b
Examples:
  inferledger pull --home acme             every account under `pulls` of config/inferledger.yml
  inferledger pull openai --home acme      one feed of them
"""


@click.command(epilog=EXAMPLES)
@click.argument("feed", required=False)
@home_option
@json_option
def pull(feed: str | None, home: Home, as_json: bool) -> None:
    """Fetch reports from the providers' APIs and LiteLLM's database into landing; `inferledger run` takes them in.

    FEED is one of those under `pulls` of config/inferledger.yml; all of them when left out. Asks for what has not
    landed and for the last days again, as bills are restated. Can be killed and typed again at any time: it goes on
    from there. Keys come from the environment only.
    """
    from pipelines import pull as pulls
    from pipelines.progress import shown_progress

    with shown_progress() as progress:
        pulled = pulls.pull(home, feed, progress, "inferledger pull")
    if as_json:
        print_json([vars(one) for one in pulled])
        return
    for one in pulled:
        click.echo(f"pulled     {one.feed}/{one.table}/{one.account_id}: {pulls.in_short(one)}")
    click.echo(f"Next: inferledger run --home {home.root}")
