{{ unit_economics_over('week') }}
