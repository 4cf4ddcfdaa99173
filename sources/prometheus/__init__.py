"""What Prometheus exports look like, shared by every feed whose numbers travel that way.

text.py takes exposition text apart, query_range.py the HTTP API's JSON; samples.py turns either into lake rows by the
rules a feed declares. What a metric means, and which values are no values, is said by the feeds (dcgm, vllm).
"""
