"""Counters and gauges of NVIDIA Triton Inference Server, as scraped or as Prometheus gives them back."""
