"""Counters, gauges and histograms of Text Generation Inference, as scraped or as Prometheus gives them back."""
