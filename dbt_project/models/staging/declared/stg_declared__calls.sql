{{ gateway_calls(
    'declared', 'calls', input_has_cache_read=false, input_has_cache_write=false, output_has_reasoning=false, has_gateway=true
) }}
