{{ revenue_efficiency_over('week') }}
