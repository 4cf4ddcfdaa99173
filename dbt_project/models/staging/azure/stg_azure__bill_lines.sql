{{ cloud_bill_lines('azure', 'cost_details') }}
