"""Northwind AI, a made-up company: its raw exports in real formats, its settings, and the truth behind them.

`python -m examples.company --out DIR` writes DIR/home (settings and landed files) and DIR/truth (what really happened).
Imports nothing of the project, so that nothing here can agree with the project by sharing its mistakes. Token lengths,
tenant skew and the daily curve follow public request traces (`shapes`); everything else is made up.
"""
