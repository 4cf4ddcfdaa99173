"""Counters and gauges of vLLM servers, as scraped or as Prometheus gives them back."""
