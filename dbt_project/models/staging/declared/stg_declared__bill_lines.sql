{{ cloud_bill_lines('declared', 'bills') }}
