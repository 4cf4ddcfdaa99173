{#-
One row per kind of cost (usage_date, environment, plan, purpose) with its nature: the first rule that matches, of which one
always does. Resolved once a kind, never once a call.
-#}
{% macro cost_natures(kinds) %}
    select
        {{ kinds }}.usage_date,
        {{ kinds }}.environment,
        {{ kinds }}.plan,
        {{ kinds }}.purpose,
        min_by(rules.cost_nature, rules.rule_order) as cost_nature
    from {{ kinds }}
    inner join {{ ref('stg_config__cost_nature_rules') }} as rules
        on
            {{ kinds }}.usage_date >= rules.valid_from
            and {{ kinds }}.usage_date < rules.valid_to
            and coalesce(rules.environment, {{ kinds }}.environment) = {{ kinds }}.environment
            and coalesce(rules.plan, {{ kinds }}.plan) = {{ kinds }}.plan
            and coalesce(rules.purpose, {{ kinds }}.purpose) = {{ kinds }}.purpose
    group by {{ kinds }}.usage_date, {{ kinds }}.environment, {{ kinds }}.plan, {{ kinds }}.purpose
{% endmacro %}
