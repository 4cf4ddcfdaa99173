{{ calls_priced(ref('int_usage_events'), ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) }}
