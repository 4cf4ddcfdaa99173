{{ cloud_bill_lines('aws_cur', 'line_items') }}
