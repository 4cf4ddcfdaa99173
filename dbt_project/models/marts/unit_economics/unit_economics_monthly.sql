{{ unit_economics_over('month') }}
