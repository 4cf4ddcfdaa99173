{{ cloud_bill_lines('gpu_rental', 'bills') }}
