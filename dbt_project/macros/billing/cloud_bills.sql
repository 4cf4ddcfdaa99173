{#- The feeds whose bills are cloud bills (sources/bill.py): each has a staging model stg_<feed>__bill_lines. -#}
{% macro cloud_bills() %}
{{- return(['aws_cur', 'azure', 'gcp', 'focus', 'declared', 'gpu_rental']) -}}
{% endmacro %}
