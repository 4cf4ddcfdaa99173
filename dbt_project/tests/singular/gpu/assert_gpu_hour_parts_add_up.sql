-- Seconds and money of an hour's parts are what is provisioned, to the last digit, and no part is negative.
select *
from {{ ref('gpu_cost_hourly') }}
where
    busy_seconds + warm_idle_seconds + reserved_unused_seconds + unallocated_seconds + overhead_seconds
    + unobserved_seconds <> provisioned_seconds
    or busy_cost_usd + warm_idle_cost_usd + reserved_unused_cost_usd + unallocated_cost_usd + overhead_cost_usd
    + unobserved_cost_usd <> cost_usd
    or gpu_part_usd + cpu_part_usd + memory_part_usd <> cost_usd
    or least(gpu_part_usd, cpu_part_usd, memory_part_usd) < 0
    or least(
        busy_seconds, warm_idle_seconds, reserved_unused_seconds, unallocated_seconds, overhead_seconds, unobserved_seconds
    ) < 0
    or least(
        busy_cost_usd, warm_idle_cost_usd, reserved_unused_cost_usd, unallocated_cost_usd, overhead_cost_usd,
        unobserved_cost_usd
    ) < 0
