"""Posting periods: closing them, what closed ones said, and what was said about a period at a time."""
