select *
from {{ ref('invoice_proof_monthly') }}
where
    status = 'differs'
    or effective_usd + credits_usd + paid_before_use_usd + drawn_usd + unused_usd <> billed_usd
