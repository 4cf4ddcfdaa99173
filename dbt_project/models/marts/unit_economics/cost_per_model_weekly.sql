with {{ weekly_costs_by(['service_provider', 'host', 'model']) }}

select * from weekly_costs
