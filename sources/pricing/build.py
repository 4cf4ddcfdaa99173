"""Writes the pricing tables of the lake for the keys that the landed logs and bills have."""

import hashlib
import inspect
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache, reduce
from pathlib import Path

import duckdb
import polars as pl

from sources.bill import BILL_COLUMNS
from sources.gateway import is_gateway
from sources.home import Home
from sources.kept import KEPT_FOLDER
from sources.lake import put, table_folder, write_current
from sources.memory import connect
from sources.pricing import versions
from sources.pricing.book import UNKNOWN_REGION, find_model, strip_prefix
from sources.pricing.hosts import PATHS, elsewhere
from sources.pricing.resolve import SELF_HOSTED, Key, OwnModel, Prices, resolve_prices
from sources.registry import FEEDS
from sources.settings import Settings, load_settings

DIRECT = "direct"
# Who serves a gateway's provider where it is not the provider itself.
CLOUD_HOSTS = {"bedrock": "bedrock", "vertex_ai": "vertex", "azure": "azure", "azure_ai": "azure"}
# What logs call the tier without a name of its own.
STANDARD_TIERS = ("", "standard", "default", "auto", "on_demand", "standard_only")

# Every gateway's table, and the SQL of the tier a call was served on.
_TIERS = {
    ("litellm", "spend_logs"): "case when is_batch then 'batch' else lower(coalesce(service_tier, '')) end",
    **{(t.feed, t.table): "service_tier" for t in FEEDS if is_gateway(t)},
}
# The table kept of calls that went which has what decides their price.
_KEPT_BY_KEY = "int_forecast_calls"
_CALL_COLUMNS = (
    "coalesce(gateway_provider, '') as gateway_provider",
    "model_id",
    "lower(coalesce(nullif(region, ''), 'unknown')) as region",
    "cast(started_at as date) as usage_date",
)
GatewayFiles = Mapping[tuple[str, str], Sequence[str]]
_LOGGED_KEYS: Mapping[str, pl.DataType] = {
    **dict.fromkeys(("stamp", "gateway", "logged_tier", "gateway_provider", "model_id", "region"), pl.String()),
    "usage_date": pl.Date(),
}

# Bills that name models: who bills, and the model. OpenAI's costs name it in front of the comma of a token line, after
# the service where one is named ("evals | gpt-5, input"); lines of whole models are told by their unit.
_OPENAI_LINE = """coalesce(
    nullif(regexp_extract(line_item, '^(?:.* [|] )?(.+), *[A-Za-z_ ]*(?:input|output)(?:[ _]tokens)?$', 1, 'i'), ''),
    case when quantity_unit in ('images', 'characters', 'seconds', 'duration_seconds', 'minutes')
        then trim(split_part(split_part(line_item, ',', 1), '|', -1)) end
)"""
_BILLED_MODELS = {
    ("openai", "usage_completions"): ("'openai'", "model_id"),
    ("openai", "usage_meters"): ("'openai'", "model_id"),
    ("openai", "costs"): ("'openai'", _OPENAI_LINE),
    ("anthropic", "usage_messages"): ("'anthropic'", "model_id"),
    ("anthropic", "cost_report"): ("'anthropic'", "model_id"),
    **{(t.feed, t.table): ("service_provider", "model_id") for t in FEEDS if t.columns is BILL_COLUMNS},
}


def build_prices(home: Home, settings: Settings | None = None) -> Prices:
    """Resolve the prices of every key in use and write the pricing tables."""
    settings = settings or load_settings(home)
    book = versions.current(home, settings)
    prices = prices_in_use(home, settings, book)
    versions.note_use(home, book)
    for table in ("price_keys", "price_sets", "model_aliases", "price_book"):
        write_current(home.root, "pricing", table, getattr(prices, table))
    return prices


def prices_in_use(home: Home, settings: Settings, book: versions.Book) -> Prices:
    """The prices of every key in use, without writing them."""
    with connect(limit=settings.limits.memory) as connection:
        keys = _keys_in_use(home, settings, connection)
        billed = _billed_models(home, connection)
    return prices_of(_merged([*keys, *_elsewhere(keys, settings, book)]), settings, book, billed)


def prices_of(
    keys: Collection[Key], settings: Settings, book: versions.Book, billed_models: Collection[tuple[str, str]] = ()
) -> Prices:
    """The prices of keys by a book, under the company's names."""
    prefixes = _prefixes(settings)
    return resolve_prices(
        keys,
        contracts=book.contracts,
        own_models=_own_models(settings, prefixes),
        prefixes=prefixes,
        billed_models=billed_models,
        entries=book.entries,
        terms=book.terms,
        public=book.public,
    )


def _prefixes(settings: Settings) -> list[str]:
    """Names of providers that may stand in front of a model id."""
    return sorted({account.gateway_provider for account in settings.billing_accounts})


def _own_models(settings: Settings, prefixes: Sequence[str]) -> dict[tuple[str, str], OwnModel]:
    """Models on the company's nodes, by the id of the settings and by that id without a gateway's name in front."""
    providers = {node.node_id: node.service_provider for node in settings.gpu_nodes}
    own_models = {}
    for deployment in settings.gpu_deployments:
        own = OwnModel(deployment.model, deployment.weights.cache_read < deployment.weights.input)
        for name in (deployment.model_id, strip_prefix(deployment.model_id, prefixes)):
            own_models[providers[deployment.node_id], name] = own
    return own_models


def _files(home: Home, feed: str, table: str) -> list[str]:
    """The table's finished files; one that is not committed only adds keys that nothing joins."""
    folder = table_folder(home.root, feed, table)
    return sorted(str(path) for path in folder.glob("*.parquet") if not path.name.startswith("."))


def gateway_files(home: Home) -> GatewayFiles:
    """The lake files of every gateway's log, by feed and table."""
    return {(feed, table): files for feed, table in _TIERS if (files := _files(home, feed, table))}


def load_calls(
    files: GatewayFiles, settings: Settings, connection: duckdb.DuckDBPyConnection, also: Sequence[str] = ()
) -> bool:
    """The view `calls`: what decides the price of a logged call, and columns beside it; False without a log."""
    logged = _read_logs(files, connection, also)
    if logged is None:
        return False
    logged.create_view("logged")
    _load_logged(settings, connection)
    return True


def _read_logs(
    files: GatewayFiles, connection: duckdb.DuckDBPyConnection, also: Sequence[str]
) -> duckdb.DuckDBPyRelation | None:
    logs = []
    for (feed, table), paths in files.items():
        log = connection.read_parquet(list(paths), filename=True)
        # An agent's span names no model: what it repeats is priced where it was used.
        log = log.filter("not is_rollup") if "is_rollup" in log.columns else log
        gateway = "gateway" if "gateway" in log.columns else f"'{feed}' as gateway"
        logs.append(log.project(", ".join((gateway, _TIERS[feed, table] + " as logged_tier", *_CALL_COLUMNS, *also))))
    return reduce(duckdb.DuckDBPyRelation.union, logs) if logs else None


def _load_logged(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """The view `calls`, of a relation `logged`."""
    _load_accounts(settings, connection)
    _load_deployments(settings, connection)
    standard = ", ".join(f"'{tier}'" for tier in STANDARD_TIERS)
    connection.execute(
        f"""
        create temp view calls as
        select
            logged.*,
            coalesce(accounts.service_provider, logged.gateway_provider) as service_provider,
            case
                when deployments.model_id is not null then 'provisioned'
                when logged.logged_tier in ({standard}) then 'standard'
                else logged.logged_tier
            end as service_tier
        from logged
        left join accounts
            on logged.gateway = accounts.gateway
            and logged.gateway_provider = accounts.name
            and logged.usage_date >= accounts.valid_from
            and logged.usage_date < accounts.valid_to
        left join deployments
            on coalesce(accounts.service_provider, logged.gateway_provider) = deployments.service_provider
            and logged.model_id = deployments.model_id
            and logged.usage_date >= deployments.valid_from
            and logged.usage_date < deployments.valid_to
        where logged.model_id <> ''
        """
    )


def _logged_keys(home: Home, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """What decides a price in each lake file of a log, once; a file that was looked at before is not opened again.

    It is kept beside the warehouse: without it every file is opened, to the same rows.
    """
    path = home.warehouse / "logged_keys.parquet"
    for left_by_a_kill in home.warehouse.glob("logged_keys.*.tmp"):
        left_by_a_kill.unlink()
    files = gateway_files(home)
    stamps = {name: _stamp(home, Path(name)) for names in files.values() for name in names}
    known = _known_keys(path).filter(pl.col("stamp").is_in(list(stamps.values())))
    seen = frozenset(known["stamp"])
    unseen = {table: new for table, names in files.items() if (new := [n for n in names if stamps[n] not in seen])}
    logged = _read_logs(unseen, connection, ("filename as stamp",))
    if logged is None:
        return known
    found = logged.project(", ".join(_LOGGED_KEYS)).distinct().pl().with_columns(pl.col("stamp").replace_strict(stamps))
    keys: pl.DataFrame = pl.concat([known, found.cast(dict(_LOGGED_KEYS))])
    home.warehouse.mkdir(exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    keys.write_parquet(temporary)
    put(temporary, path)
    return keys


def _known_keys(path: Path) -> pl.DataFrame:
    """Those of an earlier look; none where they cannot be used."""
    nothing = pl.DataFrame(schema=_LOGGED_KEYS)
    try:
        known = pl.read_parquet(path)
    except (FileNotFoundError, pl.exceptions.PolarsError):
        return nothing
    return known if known.schema == nothing.schema else nothing


def _stamp(home: Home, path: Path) -> str:
    """Another text when the file, or what is asked of it, may be another."""
    found = path.stat()
    return f"{path.relative_to(home.lake)} {found.st_size} {found.st_mtime_ns} {_asked()}"


@cache
def _asked() -> str:
    what = repr((_TIERS, _CALL_COLUMNS)) + inspect.getsource(_read_logs)
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def _load_accounts(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """The table `accounts`: who bills what each gateway calls by its own provider name, and when."""
    accounts = [
        (row.gateway, row.gateway_provider, row.service_provider, row.valid_from, row.valid_to)
        for row in settings.billing_accounts
    ]
    connection.execute(
        "create temp table accounts (gateway text, name text, service_provider text, valid_from date, valid_to date)"
    )
    if accounts:
        connection.executemany("insert into accounts values (?, ?, ?, ?, ?)", accounts)


def _load_deployments(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """The table `deployments`: models as called that are provisioned whatever tier the log says, and when."""
    deployments = [
        (term.service_provider, model_id, term.valid_from, term.valid_to)
        for term in settings.contract_terms
        for model_id in sorted(set(term.deployments))
    ]
    connection.execute(
        "create temp table deployments (service_provider text, model_id text, valid_from date, valid_to date)"
    )
    if deployments:
        connection.executemany("insert into deployments values (?, ?, ?, ?)", deployments)


def _keys_in_use(home: Home, settings: Settings, connection: duckdb.DuckDBPyConnection) -> list[Key]:
    """Every combination of calls that decides a price, with the first and last day it is in use."""
    connection.register("logged", _logged_keys(home, connection).to_arrow())
    _load_logged(settings, connection)
    self_hosted = {node.service_provider for node in settings.gpu_nodes}
    rows = connection.execute(
        """
        select
            service_provider, gateway_provider, model_id, service_tier, region,
            min(usage_date) as first_date, max(usage_date) as last_date
        from calls
        group by all
        order by all
        """
    ).fetchall()
    used = [
        Key(
            provider,
            SELF_HOSTED if provider in self_hosted else CLOUD_HOSTS.get(name, DIRECT),
            model_id,
            tier,
            first,
            last,
            region,
        )
        for provider, name, model_id, tier, region, first, last in rows
    ]
    used = _merged([*used, *_kept_keys(home, connection)])
    return _merged([*used, *_batched(used), *_compared(settings, used)])


def _kept_keys(home: Home, connection: duckdb.DuckDBPyConnection) -> list[Key]:
    """Those of calls that went, as what is kept of them has them."""
    files = _files(home, KEPT_FOLDER, _KEPT_BY_KEY)
    if not files:
        return []
    priced = connection.read_parquet(files, union_by_name=True).filter("model_id is not null")
    rows = priced.aggregate(
        "service_provider, host, model_id, service_tier, min(usage_date) as first, max(usage_date) as last, region"
    )
    return [Key(*row) for row in rows.order("all").fetchall()]


def _batched(used: Sequence[Key]) -> Iterator[Key]:
    """Calls of the standard tier in a batch: optimization_backlog_weekly prices what could have waited."""
    for key in used:
        if key.service_tier == "standard" and key.host != SELF_HOSTED:
            yield key._replace(service_tier="batch", is_compared=True)


def _elsewhere(used: Sequence[Key], settings: Settings, book: versions.Book) -> Iterator[Key]:
    """Models of the standard tier on other procurement paths: optimization_backlog_weekly compares them."""
    accounts = {account.service_provider: DIRECT for account in settings.billing_accounts}
    paths = {**accounts, **PATHS}
    for key in used:
        if key.service_tier != "standard" or key.host == SELF_HOSTED or key.is_compared:
            continue
        model = find_model(key.service_provider, key.model_id, _prefixes(settings), book.public)
        for service_provider, model_id in elsewhere(model.model, paths, book.public) if model.match else ():
            # Its own provider's other names, such as Bedrock's for calls that may run anywhere, are served as it is.
            is_own = service_provider == key.service_provider
            host, region = (key.host, key.region) if is_own else (paths[service_provider], UNKNOWN_REGION)
            yield Key(
                service_provider, host, model_id, "standard", key.first_date, key.last_date, region, is_compared=True
            )


def _compared(settings: Settings, used: Sequence[Key]) -> Iterator[Key]:
    """The models that self_hosting.yml and scenarios.yml compare with, over all days in use."""
    hosted = [(row.service_provider, row.model) for work in settings.self_hosting.workloads for row in work.comparators]
    models = [
        row for scenario in settings.scenarios.scenarios for other in scenario.alternatives for row in other.models
    ]
    for provider, model in [*hosted, *((row.service_provider, row.model_id) for row in models)]:
        if used and provider and model:
            first, last = min(key.first_date for key in used), max(key.last_date for key in used)
            yield Key(provider, DIRECT, model, "standard", first, last)


def _merged(keys: Iterable[Key]) -> list[Key]:
    """One key for each combination and day: two gateway names may lead to the same provider.

    What calls use and what is to compare with stay apart: a day nobody used must not look like one without a price.
    """
    spans: dict[Key, dict[bool, tuple[date, date]]] = {}
    for key in keys:
        known = spans.setdefault(key._replace(first_date=date.min, last_date=date.max, is_compared=False), {})
        first, last = known.get(key.is_compared, (key.first_date, key.last_date))
        known[key.is_compared] = min(first, key.first_date), max(last, key.last_date)
    return [
        name._replace(first_date=first, last_date=last, is_compared=is_compared)
        for name, known in spans.items()
        for is_compared, first, last in _apart(known)
    ]


def _apart(spans: Mapping[bool, tuple[date, date]]) -> Iterator[tuple[bool, date, date]]:
    """The days in use, and those to compare on before and after them."""
    if len(spans) == 1:
        yield from ((is_compared, *span) for is_compared, span in spans.items())
        return
    (first, last), (used_first, used_last) = spans[True], spans[False]
    yield False, used_first, used_last
    if first < used_first:
        yield True, first, min(last, used_first - timedelta(days=1))
    if used_last < last:
        yield True, max(first, used_last + timedelta(days=1)), last


def _billed_models(home: Home, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Model ids as bills name them, with the provider that sends the bill."""
    found = []
    for (feed, table), (provider, model) in _BILLED_MODELS.items():
        if files := _files(home, feed, table):
            query = f"select distinct {provider}, {model} as billed from read_parquet($files) where billed is not null"
            found += connection.execute(query, {"files": files}).fetchall()
    return found
