{{ cloud_bill_lines('gcp', 'billing_export') }}
