-- Cost, billed cost and calls of every day are those of the facts, also where single calls went: nothing is lost or counted twice on
-- the way. Requests are held against calls by the test that every dimension adds up.
with cells as (

    select
        usage_date,
        sum(effective_cost_usd) as effective_cost_usd,
        sum(billed_cost_usd) as billed_cost_usd,
        sum(calls) as calls
    from {{ ref('unit_economics_daily') }}
    where {{ is_touched('allocations', 'usage_date') }}
    group by usage_date

),

-- What is closed or corrected is billed where the charge is, as the data of today have it.
ledger as (

    select
        allocations.usage_date,
        sum(allocations.effective_amount_usd) as effective_cost_usd,
        sum(allocations.amount_usd) filter (where charges.charge_status = 'anchored') as billed_cost_usd
    from {{ ref('fct_allocations') }} as allocations
    left join {{ ref('fct_charges') }} as charges
        on allocations.charge_id = charges.charge_id
    where {{ is_touched('allocations', 'allocations.usage_date') }}
    group by allocations.usage_date

),

usage as (

    select
        usage_date,
        sum(calls) as calls
    from {{ ref('int_usage_files_daily') }}
    where {{ is_touched('allocations', 'usage_date') }}
    group by usage_date

)

select
    usage_date,
    cells.effective_cost_usd,
    ledger.effective_cost_usd as ledger_cost_usd,
    cells.billed_cost_usd,
    ledger.billed_cost_usd as ledger_billed_cost_usd,
    cells.calls,
    usage.calls as usage_calls
from cells
full outer join ledger using (usage_date)
full outer join usage using (usage_date)
where
    coalesce(cells.effective_cost_usd, 0) <> coalesce(ledger.effective_cost_usd, 0)
    or coalesce(cells.billed_cost_usd, 0) <> coalesce(ledger.billed_cost_usd, 0)
    or coalesce(cells.calls, 0) <> coalesce(usage.calls, 0)
