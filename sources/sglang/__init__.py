"""Counters and gauges of SGLang servers, as scraped or as Prometheus gives them back."""
