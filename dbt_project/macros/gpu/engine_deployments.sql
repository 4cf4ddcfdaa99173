{#-
Which deployment an engine serves on a day; `names` has usage_date, instance and model_name of engines, each once. The engine
calls a model what the gateway calls it, or the same without the gateway's prefix; one that names none is the only deployment of
the node its instance is named after. Where several nodes serve a model that node comes first.
-#}
{% macro engine_deployments(names, deployment_days) -%}
select
    usage_date,
    instance,
    model_name,
    pool_id,
    deployment_id,
    model,
    input_weight,
    cache_read_weight,
    output_weight
from (
    select
        names.usage_date,
        names.instance,
        names.model_name,
        deployments.pool_id,
        deployments.deployment_id,
        deployments.model,
        deployments.input_weight,
        deployments.cache_read_weight,
        deployments.output_weight,
        row_number() over (
            partition by names.usage_date, names.instance, names.model_name
            order by
                case when split_part(names.instance, ':', 1) = deployments.node_id then 0 else 1 end asc nulls last,
                deployments.pool_id asc nulls last,
                deployments.deployment_id asc nulls last,
                deployments.node_id asc nulls last
        ) as match_number
    from {{ names }} as names
    inner join (
        select
            *,
            count(*) over (partition by usage_date, node_id) as deployments_on_node
        from {{ deployment_days }}
    ) as deployments
        on
            names.usage_date = deployments.usage_date
            and (
                names.model_name = deployments.model
                or names.model_name = deployments.model_id
                or '/' || names.model_name = right(deployments.model_id, length(names.model_name) + 1)
                or (
                    names.model_name = ''
                    and split_part(names.instance, ':', 1) = deployments.node_id
                    and deployments.deployments_on_node = 1
                )
            )
) as matched
where match_number = 1
{%- endmacro %}
