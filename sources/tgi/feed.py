"""What the samples of TGI mean: a server is one engine with one model, which it does not name.

Its tokens are the sums of histograms over requests.
"""

from sources.prometheus.engines import engine_table

SAMPLES = engine_table("tgi", "TGI", prefixes=("tgi_",), own_labels=("model_name", "model_id", "model"))
