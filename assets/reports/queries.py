"""What the weekly report asks of the published marts: one small query per question, nothing computed twice in Python.

Every function takes the open marts and gives rows as dicts. Weeks are their Monday.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from duckdb import DuckDBPyConnection

from assets.marts import rows

Row = dict[str, Any]
WEEKS_SHOWN = 14
# Of the metric dictionary: what a healthy contract costs of its value.
HEALTHY_COST_TO_ACV = Decimal("0.10")
_COSTS_COMPARED = ("previous_week_cost_usd", "cost_usd", "cost_change_usd")
COST_EFFECTS = (
    "volume_usd",
    "mix_usd",
    "tokens_per_task_usd",
    "list_rate_usd",
    "contract_usd",
    "cache_usd",
    "retry_and_fallback_usd",
    "new_and_lost_usd",
    "other_charges_usd",
)
FORECAST_LINES = ("base", "other_charges", "planned_growth", "price_compression", "growth_reserve", "hidden_costs")


def weeks(marts: DuckDBPyConnection) -> list[date]:
    """Weeks that have cost or calls, oldest first."""
    sql = "select distinct week_start from cost_per_tenant_weekly where calls > 0 or total_cost_usd <> 0 order by 1"
    return [row["week_start"] for row in rows(marts, sql)]


def cost_by_week(marts: DuckDBPyConnection) -> list[Row]:
    return rows(
        marts,
        """
        select
            week_start,
            sum(total_cost_usd) as cost_usd,
            coalesce(sum(unattributed_cost_usd), 0) as unattributed_usd,
            sum(calls) as calls,
            sum(unpriced_calls) as unpriced_calls,
            sum(unpriced_tokens) as unpriced_tokens
        from cost_per_tenant_weekly
        group by week_start
        """,
    )


def tasks_by_week_and_tenant(marts: DuckDBPyConnection) -> list[Row]:
    """From the tasks themselves: cost of tasks with a known outcome is not the cost of all of them."""
    return rows(
        marts,
        """
        select
            ended_week_start as week_start,
            tenant_id,
            count(*) as tasks,
            count(*) filter (where is_resolved) as resolved_tasks,
            count(*) filter (where is_outcome_known) as outcome_known_tasks,
            coalesce(sum(cost_usd) filter (where is_outcome_known), 0) as outcome_known_cost_usd
        from fct_tasks
        where ended_week_start is not null
        group by ended_week_start, tenant_id
        order by week_start, tenant_id
        """,
    )


def tasks_by_feature(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            feature_id,
            count(*) as tasks,
            count(*) filter (where is_resolved) as resolved_tasks,
            count(*) filter (where is_outcome_known) as outcome_known_tasks,
            coalesce(sum(cost_usd) filter (where is_outcome_known), 0) as outcome_known_cost_usd
        from fct_tasks
        where ended_week_start = $week
        group by feature_id
        """,
        {"week": week},
    )


def task_bridge(marts: DuckDBPyConnection, week: date) -> Row:
    """Cost of the week's calls and how it relates to the cost of the tasks that ended in it."""
    return rows(
        marts,
        """
        select
            coalesce(sum(tasks), 0) as tasks,
            coalesce(sum(outcome_known_tasks), 0) as outcome_known_tasks,
            coalesce(sum(tasks_ended_cost_usd), 0) as tasks_ended_cost_usd,
            coalesce(sum(tasks_ended_cost_in_other_periods_usd), 0) as other_periods_cost_usd,
            coalesce(sum(open_tasks_cost_usd), 0) as open_tasks_cost_usd,
            coalesce(sum(no_task_cost_usd), 0) as no_task_cost_usd,
            coalesce(sum(period_cost_usd), 0) as period_cost_usd
        from cost_per_task_weekly
        where week_start = $week
        """,
        {"week": week},
    )[0]


def revenue_by_week(marts: DuckDBPyConnection) -> list[Row]:
    return rows(
        marts,
        """
        select
            week_start,
            coalesce(sum(revenue_usd), 0) as revenue_usd,
            coalesce(sum(cogs_cost_usd), 0) as cogs_cost_usd,
            coalesce(sum(credit_offset_usd), 0) as credit_offset_usd
        from revenue_efficiency_weekly
        group by week_start
        """,
    )


def revenue_by_tenant(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            tenant_id,
            coalesce(sum(revenue_usd), 0) as revenue_usd,
            coalesce(sum(cogs_cost_usd), 0) as cogs_cost_usd
        from revenue_efficiency_weekly
        where week_start = $week
        group by tenant_id
        """,
        {"week": week},
    )


def cache_by_week(marts: DuckDBPyConnection) -> list[Row]:
    """Only models that have a prompt cache: the others have no hit rate, so they must not water it down."""
    return rows(
        marts,
        """
        select
            week_start,
            coalesce(sum(cache_read_tokens), 0) as cache_read_tokens,
            coalesce(sum(total_input_tokens), 0) as total_input_tokens
        from cache_efficiency_weekly
        where cache_hit_rate is not null
        group by week_start
        """,
    )


def cache_by_feature_and_week(marts: DuckDBPyConnection) -> list[Row]:
    return rows(
        marts,
        """
        select
            week_start,
            feature_id,
            sum(cache_read_tokens) as cache_read_tokens,
            sum(total_input_tokens) as total_input_tokens
        from cache_efficiency_weekly
        where cache_hit_rate is not null
        group by week_start, feature_id
        """,
    )


def cache_by_feature_and_model(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            cache.feature_id,
            cache.service_provider,
            cache.model,
            sum(cache.total_input_tokens) as total_input_tokens,
            sum(cache.cache_read_tokens) as cache_read_tokens,
            sum(cache.cache_write_tokens) as cache_write_tokens,
            sum(cache.cache_savings_usd) as cache_savings_usd,
            sum(cache.cache_write_premium_usd) as cache_write_premium_usd
        from cache_efficiency_weekly as cache
        where cache.week_start = $week and cache.cache_hit_rate is not null
        group by cache.feature_id, cache.service_provider, cache.model
        order by cache_savings_usd desc nulls last, feature_id, service_provider, model
        """,
        {"week": week},
    )


def batch_by_week(marts: DuckDBPyConnection) -> list[Row]:
    return rows(
        marts,
        """
        select
            cast(date_trunc('week', usage_date) as date) as week_start,
            coalesce(sum(effective_amount_usd) filter (where service_tier = 'batch'), 0) as batch_usd
        from fct_charges
        group by 1
        """,
    )


def tenants(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Dearest first, the unattributed row last."""
    return rows(
        marts,
        """
        select *
        from cost_per_tenant_weekly
        where week_start = $week
        order by tenant_id = 'unattributed', total_cost_usd desc, tenant_id
        """,
        {"week": week},
    )


def tenant_history(marts: DuckDBPyConnection) -> list[Row]:
    return rows(marts, "select week_start, tenant_id, total_cost_usd from cost_per_tenant_weekly")


def features(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select *
        from cost_per_feature_weekly
        where week_start = $week
        order by feature_id = 'unattributed', total_cost_usd desc, feature_id
        """,
        {"week": week},
    )


def audience_name(marts: DuckDBPyConnection, kind: str, audience_id: str) -> str:
    """What a tenant or product is called; its id where nothing says."""
    dimension = "dim_tenants" if kind == "tenant" else "dim_features"
    sql = f"select any_value({kind}_name) as name from {dimension} where {kind}_id = $id"
    return rows(marts, sql, {"id": audience_id})[0]["name"] or audience_id


def feature_names(marts: DuckDBPyConnection) -> dict[str, str]:
    return {row["feature_id"]: row["feature_name"] for row in rows(marts, "select * from dim_features")}


def models(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """One row per provider, host and model, with the tokens behind its blended price."""
    return rows(
        marts,
        """
        with tokens as (
            select
                service_provider, host, model,
                sum(
                    input_uncached_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
                    + input_audio_tokens + input_image_tokens
                ) as input_tokens,
                sum(output_text_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens) as output_tokens
            from unit_economics_weekly
            where week_start = $week
            group by service_provider, host, model
        )
        select cost.*, tokens.input_tokens, tokens.output_tokens
        from cost_per_model_weekly as cost
        left join tokens using (service_provider, host, model)
        where cost.week_start = $week
        order by cost.model = 'unattributed', cost.total_cost_usd desc, cost.service_provider, cost.host, cost.model
        """,
        {"week": week},
    )


def model_history(marts: DuckDBPyConnection) -> list[Row]:
    return rows(
        marts,
        """
        select week_start, service_provider, model, sum(total_cost_usd) as cost_usd
        from cost_per_model_weekly
        group by week_start, service_provider, model
        """,
    )


def hidden_costs(marts: DuckDBPyConnection) -> list[Row]:
    """What retries, fallbacks, failures and hidden thinking took of each week's cost."""
    return rows(
        marts,
        """
        select
            week_start,
            coalesce(sum(retry_cost_usd), 0) as retry_cost_usd,
            coalesce(sum(fallback_cost_usd), 0) as fallback_cost_usd,
            coalesce(sum(escalation_cost_usd), 0) as escalation_cost_usd,
            coalesce(sum(failed_cost_usd), 0) as failed_cost_usd,
            coalesce(sum(reasoning_cost_usd), 0) as reasoning_cost_usd,
            coalesce(sum(effective_cost_usd), 0) as effective_cost_usd
        from unit_economics_weekly
        group by week_start
        """,
    )


def gpu_nodes(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            node_id,
            service_provider,
            count(distinct gpu_id) as gpus,
            sum(provisioned_seconds) as provisioned_seconds,
            sum(covered_seconds) as covered_seconds,
            sum(busy_seconds) as busy_seconds,
            sum(cost_usd) as cost_usd,
            sum(busy_cost_usd) as busy_cost_usd,
            sum(warm_idle_cost_usd) as warm_idle_cost_usd,
            sum(reserved_unused_cost_usd + unallocated_cost_usd + overhead_cost_usd) as other_idle_cost_usd,
            sum(unobserved_cost_usd) as unobserved_cost_usd
        from gpu_cost_hourly
        where date_trunc('week', usage_date) = $week
        group by node_id, service_provider
        order by cost_usd desc, node_id
        """,
        {"week": week},
    )


def gpu_hours(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            usage_date,
            hour(hour_start) as hour,
            sum(busy_seconds) as busy_seconds,
            sum(provisioned_seconds) as provisioned_seconds
        from gpu_cost_hourly
        where date_trunc('week', usage_date) = $week
        group by usage_date, hour(hour_start)
        order by usage_date, hour
        """,
        {"week": week},
    )


def budgets(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """The state of every budget on the last day there are data of, up to the week's end; the fullest first."""
    return rows(
        marts,
        """
        select
            budgets.*,
            case budgets.scope
                when 'company' then 'Company'
                else coalesce(tenant_name, feature_name, product_name_of, budgets.scope_id)
            end as budget_name
        from budget_status_daily as budgets
        left join dim_tenants on budgets.scope = 'tenant' and budgets.scope_id = dim_tenants.tenant_id
        left join dim_features on budgets.scope = 'feature' and budgets.scope_id = dim_features.feature_id
        left join (select distinct product_id, product_name as product_name_of from dim_features) as products
            on budgets.scope = 'product' and budgets.scope_id = products.product_id
        where budgets.usage_date = (
            select max(usage_date) from budget_status_daily where usage_date < cast($week as date) + 7
        )
        order by spent_of_plan desc, budgets.scope, budgets.scope_id, period
        """,
        {"week": week},
    )


def forecast(marts: DuckDBPyConnection, scope: str) -> list[Row]:
    """The forecast of the company, or of the product whose rows alone there are, by month and line."""
    sql = "select * from forecast_monthly where scope = $scope order by month_start, line_number"
    return rows(marts, sql, {"scope": scope})


def months_of_cost(marts: DuckDBPyConnection) -> list[Row]:
    """What each whole month of the last twelve cost and each of the next twelve will, by scope the forecast is of.

    The scopes are company, products and models; without a forecast `amount_usd` is null and `reason` says why.
    """
    return rows(
        marts,
        """
        with ahead as (
            select
                scope, scope_id, month_start, true as is_forecast, sum(amount_usd) as amount_usd,
                case when count(low_usd) = count(*) then sum(low_usd) end as low_usd,
                case when count(high_usd) = count(*) then sum(high_usd) end as high_usd,
                any_value(reason) as reason
            from forecast_monthly
            where scope in ('company', 'product', 'model')
            group by all
        ),
        months as (
            select cast(unnest(generate_series(last - interval 11 month, last, interval 1 month)) as date)
                as month_start
            from (select date_trunc('month', max(basis_date)) as last from forecast_monthly)
        ),
        whole_months as (
            select months.month_start, product_id, model, effective_cost_usd
            from unit_economics_daily
            inner join months on months.month_start = date_trunc('month', usage_date)
            where months.month_start >= (select min(usage_date) from unit_economics_daily)
        ),
        scoped as (
            select 'company' as scope, 'company' as scope_id, month_start, effective_cost_usd from whole_months
            union all
            select 'product', product_id, month_start, effective_cost_usd from whole_months
            union all
            select 'model', model, month_start, effective_cost_usd from whole_months
        ),
        began as (
            select scope, scope_id, min(month_start) as first_month_start
            from scoped
            where (scope, scope_id) in (select (scope, scope_id) from ahead)
            group by all
        ),
        -- a month that cost nothing has its place
        known as (
            select
                began.scope, began.scope_id, months.month_start, false as is_forecast,
                coalesce(sum(scoped.effective_cost_usd), 0) as amount_usd
            from began
            inner join months on months.month_start >= began.first_month_start
            left join scoped
                on began.scope = scoped.scope and began.scope_id = scoped.scope_id
                and months.month_start = scoped.month_start
            group by all
        )
        select * from known
        union all by name
        select * from ahead
        order by scope, scope_id, month_start
        """,
    )


def forecast_products(marts: DuckDBPyConnection) -> list[Row]:
    """Twelve months of the company, then of each product, the dearest first; those without a forecast last."""
    return rows(
        marts,
        """
        select
            scope,
            scope_id,
            case
                when scope = 'company' then 'Company'
                when scope_id = 'short_history' then 'Too little history'
                else coalesce(any_value(product_name), scope_id)
            end as name,
            sum(amount_usd) filter (where line = 'base')::decimal(38, 12) as base_usd,
            sum(amount_usd)::decimal(38, 12) as total_usd,
            case when count(low_usd) = count(*) then sum(low_usd)::decimal(38, 12) end as low_usd,
            case when count(high_usd) = count(*) then sum(high_usd)::decimal(38, 12) end as high_usd,
            sum(steady_floor_usd)::decimal(38, 12) as steady_floor_usd,
            sum(spike_reserve_p95_usd)::decimal(38, 12) as spike_reserve_p95_usd,
            sum(spike_reserve_p99_usd)::decimal(38, 12) as spike_reserve_p99_usd,
            any_value(back_test_error) as back_test_error,
            any_value(seasonal_naive_error) as seasonal_naive_error,
            any_value(reason) as reason
        from forecast_monthly
        left join (select distinct product_id, product_name from dim_features) as products
            on scope = 'product' and scope_id = product_id
        where scope in ('company', 'product')
        group by scope, scope_id
        order by scope, total_usd desc nulls last, scope_id
        """,
    )


def plan_actual(marts: DuckDBPyConnection) -> list[Row]:
    """The latest plan by quarter and account, of the months it has."""
    return rows(
        marts,
        """
        select
            planned_on,
            quarter_start,
            account,
            count(*) as months,
            sum(planned_usd)::decimal(38, 12) as planned_usd,
            sum(actual_usd)::decimal(38, 12) as actual_usd,
            case when count(outlook_usd) = count(*) then sum(outlook_usd)::decimal(38, 12) end as outlook_usd,
            case when count(difference_usd) = count(*) then sum(difference_usd)::decimal(38, 12) end as difference_usd,
            any_value(reason) as reason
        from plan_actual_monthly
        where is_latest and planned_usd is not null
        group by planned_on, quarter_start, account
        order by quarter_start, planned_usd desc, account
        """,
    )


def replan_flags(marts: DuckDBPyConnection) -> list[Row]:
    """What asks for another plan, the company before its products and models."""
    return rows(
        marts,
        """
        select
            reason,
            scope,
            scope_id,
            case when scope = 'company' then 'Company' else coalesce(any_value(product_name), scope_id) end as name,
            any_value(words) as words
        from replan_flags
        left join dim_features on scope = 'product' and scope_id = product_id
        where is_raised
        group by reason, scope, scope_id
        order by scope, reason, scope_id
        """,
    )


def anomalies(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """What was off in the week, was not to be expected and is not muted: one row an incident, the dearest first.

    An incident shows at several scopes and kinds; it is told by its dearest one, and counts the others. What somebody
    has acknowledged of it is a row of its own.
    """
    return rows(
        marts,
        """
        with days as (
            select
                *,
                row_number() over (partition by kind, scope, scope_id, model, state order by usage_date desc) as place
            from anomalies_daily
            where usage_date >= $week and usage_date < cast($week as date) + 7 and state in ('open', 'acknowledged')
        ),
        spans as (
            select
                kind, scope, scope_id, days.model, state,
                min(since_date) as since_date,
                count(*) as days,
                sum(impact_usd) as impact_usd,
                max(incident) filter (where place = 1) as incident,
                max(root_cause) filter (where place = 1) as root_cause,
                max(state_who) filter (where place = 1) as state_who,
                max(state_why) filter (where place = 1) as state_why,
                max(case scope when 'company' then 'Company' else coalesce(tenant_name, feature_name, scope_id) end)
                    as name
            from days
            left join dim_tenants on scope = 'tenant' and scope_id = dim_tenants.tenant_id
            left join dim_features on scope = 'feature' and scope_id = dim_features.feature_id
            group by kind, scope, scope_id, days.model, state
        ),
        ranked as (
            select
                *,
                row_number() over (
                    partition by incident, state order by impact_usd desc, kind, scope, scope_id, model
                ) as place,
                count(*) over (partition by incident, state) - 1 as others
            from spans
        )
        select * from ranked
        where place = 1
        order by state <> 'open', impact_usd desc, kind, scope, scope_id, model
        """,
        {"week": week},
    )


def break_even(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """The comparisons of self_hosting.yml, of the last month that is over by the week's end."""
    return rows(
        marts,
        """
        select *
        from break_even_monthly
        where month_start = (
            select max(month_start)
            from break_even_monthly
            where month_start + interval 1 month <= cast($week as date) + 7
        )
        order by workload_id, comparator_kind desc, comparator_id
        """,
        {"week": week},
    )


def capacity(marts: DuckDBPyConnection, week: date) -> list[Row]:
    sql = "select * from capacity_weekly where week_start = $week order by workload_id"
    return rows(marts, sql, {"week": week})


def cost_of_ownership(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """The seven lines of the last complete month that is over by the week's end, over all products.

    `economic_usd` leaves out the wrong answers nobody has put a cost on, and is null where that is all of them;
    `unvalued_wrong_answers` counts them.
    """
    return rows(
        marts,
        """
        select
            month_start,
            line,
            sum(cash_usd) as cash_usd,
            sum(economic_usd) as economic_usd,
            sum(token_bill_usd) as token_bill_usd,
            cast(coalesce(sum(unvalued_wrong_answers), 0) as bigint) as unvalued_wrong_answers
        from tco_monthly
        where month_start = (
            select max(month_start)
            from tco_monthly
            where is_complete and month_start + interval 1 month <= cast($week as date) + 7
        )
        group by month_start, line, line_order
        order by line_order
        """,
        {"week": week},
    )


def architectures(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Architectures of scenarios.yml in the last month that is whole by the end of the week."""
    return rows(
        marts,
        """
        select *
        from architecture_comparison_monthly
        where month_start = (
            select max(month_start)
            from architecture_comparison_monthly
            where is_complete and month_start + interval 1 month <= cast($week as date) + 7
        )
        order by scenario_id, alternative_order
        """,
        {"week": week},
    )


def cost_change(marts: DuckDBPyConnection, week: date) -> Row | None:
    """Cost of the week and of the one before with each effect between them; None where no week came before."""
    sums = ", ".join(f"sum({name}) as {name}" for name in (*_COSTS_COMPARED, *COST_EFFECTS))
    sql = f"select week_start, {sums} from cost_change_weekly where week_start = $week group by week_start"
    return next(iter(rows(marts, sql, {"week": week})), None)


def movers(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """The same by tenant and feature."""
    sums = ", ".join(f"sum({name}) as {name}" for name in (*_COSTS_COMPARED, *COST_EFFECTS))
    return rows(
        marts,
        f"""
        select
            tenant_id,
            feature_id,
            coalesce(any_value(tenant_name), tenant_id) as tenant_name,
            coalesce(any_value(feature_name), feature_id) as feature_name,
            {sums}
        from cost_change_weekly
        left join dim_tenants using (tenant_id)
        left join dim_features using (feature_id)
        where week_start = $week
        group by tenant_id, feature_id
        """,
        {"week": week},
    )


# The month before the one that the week's end is in, or that ends with it.
_LAST_MONTH = "month_start = cast(date_trunc('month', cast($week as date) + 7) - interval 1 month as date)"


def dear_contracts(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Tenants that cost more than they bring, or more than a tenth of their contract, in the last whole month."""
    return rows(
        marts,
        f"""
        select * replace (cast(margin_per_active_user_usd as decimal(38, 12)) as margin_per_active_user_usd)
        from tenant_economics_monthly
        where {_LAST_MONTH} and tenant_id <> 'unattributed' and not is_free_plan
            and (inference_margin_usd < 0 or cost_to_acv > $healthy)
        order by inference_margin_usd, tenant_id
        """,
        {"week": week, "healthy": HEALTHY_COST_TO_ACV},
    )


def plans(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Products by plan in the last month that is over, the dearest product first."""
    return rows(
        marts,
        f"""
        select
            plans.* replace (cast(margin_per_active_user_usd as decimal(38, 12)) as margin_per_active_user_usd),
            coalesce(product_name, plans.product_id) as product_name
        from plan_economics_monthly as plans
        left join (select distinct product_id, product_name from dim_features) as products using (product_id)
        where {_LAST_MONTH}
        order by
            plans.product_id = 'unattributed', sum(cogs_cost_usd) over (partition by plans.product_id) desc,
            plans.product_id, cogs_cost_usd desc, plan
        """,
        {"week": week},
    )


def answer_quality(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Judged answers by model and effort in the last month that is over, the dearest first."""
    return rows(
        marts,
        f"""
        select
            quality.*,
            cast(cost_per_answer_usd as decimal(38, 12)) as answer_usd,
            cast(cost_per_correct_answer_usd as decimal(38, 12)) as correct_answer_usd,
            coalesce(feature_name, quality.feature_id) as feature_name
        from answer_quality_monthly as quality
        left join dim_features using (feature_id)
        where {_LAST_MONTH} and judged_answers > 0
        order by cost_usd desc, feature_id, task_type, model, reasoning_effort
        """,
        {"week": week},
    )


def policy_violations(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Calls that model_policy.yml does not allow, by rule, team and model; the dearest first."""
    return rows(
        marts,
        """
        select
            policy_id, team_id, model, any_value(use_instead) as use_instead, min(first_date) as first_date,
            sum(calls) as calls, sum(cost_usd) as cost_usd, sum(unpriced_calls) as unpriced_calls
        from model_policy_violations_weekly
        where week_start = $week
        group by policy_id, team_id, model
        order by cost_usd desc, calls desc, policy_id, team_id, model
        """,
        {"week": week},
    )


def rate_limits(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Models that were refused calls or came near a limit; the most refused first."""
    return rows(
        marts,
        """
        select * from rate_limit_pressure_weekly
        where week_start = $week and (refused_calls > 0 or minutes_near_limit > 0)
        order by refused_calls desc, peak_limit_share desc nulls last, service_provider, models
        """,
        {"week": week},
    )


def attribution_coverage(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """Teams whose calls do not all say whose they are, the dearest gap first."""
    return rows(
        marts,
        """
        select *, cost_usd - attributed_cost_usd as gap_usd from attribution_coverage_weekly
        where week_start = $week and attributed_calls < calls
        order by gap_usd desc, team_id
        """,
        {"week": week},
    )


def savings(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """What a change of habit would have saved in the week, the largest first."""
    return rows(
        marts,
        """
        select backlog.*, coalesce(features.feature_name, backlog.feature_id) as feature_name
        from optimization_backlog_weekly as backlog
        left join dim_features as features using (feature_id)
        where week_start = $week
        order by saving_rank
        """,
        {"week": week},
    )
