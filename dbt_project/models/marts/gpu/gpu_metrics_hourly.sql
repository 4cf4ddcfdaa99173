{{ gpu_metrics_over(ref('int_gpu_samples'), "sampled_at is not null", 60) }}
