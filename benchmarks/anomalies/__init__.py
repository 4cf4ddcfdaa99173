"""How many injected incidents the anomaly rules find, and how often they cry wolf."""
