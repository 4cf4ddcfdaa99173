{{ cloud_bill_lines('focus', 'cost_and_usage') }}
