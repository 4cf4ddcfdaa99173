{{ gpu_metrics_measured(ref('int_gpu_samples'), "sampled_at is not null", 60) }}
