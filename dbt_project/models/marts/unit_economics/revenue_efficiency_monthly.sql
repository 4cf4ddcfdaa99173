{{ revenue_efficiency_over('month') }}
