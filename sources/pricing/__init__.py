"""Prices: the public book, the project's own entries, the company's contracts, and what they say for the keys in use.

`build.build_prices(home)` writes the pricing tables of the lake. Calls are priced in the warehouse.
"""
