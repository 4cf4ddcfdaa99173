{{ gateway_calls('portkey', 'logs', input_has_cache_read=true, input_has_cache_write=true, output_has_reasoning=true) }}
