-- One row per contract term of the month that promises or prepays an amount.
with terms as (

    select
        *,
        date_diff('month', valid_from, valid_to) as months
    from contract_terms_monthly
    where kind in ('commitment', 'prepaid', 'minimum') and strftime(month_start, '%Y-%m') = $period

)

select
    'USD' as BillingCurrency,
    json_object('InclusionOperator', 'And', 'Inclusions', case
        when billing_account_id = 'all'
            then json_array(json_object('Dimension', 'ServiceProviderName', 'Operator', 'In', 'Values', json_array(service_provider)))
        else json_array(
            json_object('Dimension', 'ServiceProviderName', 'Operator', 'In', 'Values', json_array(service_provider)),
            json_object('Dimension', 'BillingAccountId', 'Operator', 'In', 'Values', json_array(billing_account_id))
        )
    end) as ContractCommitmentApplicability,
    case kind when 'commitment' then 'Discount' when 'prepaid' then 'Entitlement' else 'Other' end
        as ContractCommitmentBenefitCategory,
    'Spend' as ContractCommitmentCategory,
    amount_usd as ContractCommitmentCost,
    valid_from as ContractCommitmentCreated,
    case kind
        when 'commitment' then 'Usage promised over the term'
        when 'prepaid' then 'Usage paid in advance'
        else 'Least usage of a month'
    end as ContractCommitmentDescription,
    case
        -- Open: it holds from month to month.
        when valid_to = date '9999-12-31' then '1 Month'
        when valid_to = valid_from + months * interval 1 month then months || ' Months'
        else date_diff('day', valid_from, valid_to) || ' Days'
    end as ContractCommitmentDurationType,
    case kind when 'minimum' then 'Monthly' else 'Full Period' end as ContractCommitmentFulfillmentInterval,
    term_id as ContractCommitmentId,
    valid_from as ContractCommitmentLastUpdated,
    case
        when run_out_on is not null or remaining_usd = 0 then 'Exhausted'
        when is_over and valid_to <= month_start + interval 1 month then 'Expired'
        else 'Active'
    end as ContractCommitmentLifecycleStatus,
    'Discontinuous' as ContractCommitmentModel,
    'Negotiated' as ContractCommitmentOfferCategory,
    case kind when 'prepaid' then 'One-Time' else 'Monthly' end as ContractCommitmentPaymentInterval,
    case kind when 'prepaid' then 'All Upfront' else 'No Upfront' end as ContractCommitmentPaymentModel,
    case kind when 'prepaid' then 1 else 0 end as ContractCommitmentPaymentUpfrontPercentage,
    valid_to as ContractCommitmentPeriodEnd,
    valid_from as ContractCommitmentPeriodStart,
    case kind when 'commitment' then 'Spend Commitment' when 'prepaid' then 'Prepaid Amount' else 'Monthly Minimum' end
        as ContractCommitmentType,
    term_id as ContractId,
    valid_to as ContractPeriodEnd,
    valid_from as ContractPeriodStart,
    service_provider as InvoiceIssuerName,
    'USD' as PricingCurrency,
    amount_usd as PricingCurrencyContractCommitmentCost,
    service_provider as ServiceProviderName
from terms
order by term_id
