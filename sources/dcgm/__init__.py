"""GPU telemetry of NVIDIA's dcgm-exporter, as scraped or as Prometheus gives it back."""
