"""Pulls: what a provider's API or a database answers, written to landing as the files a person would have saved.

Nothing is read here for its meaning; the feeds' readers do that, the same for a pulled file and for one that was put
there by hand. A pull can be killed at any time: what it had finished stays, and the next one goes on from there.
"""


class PullError(Exception):
    """A pull stopped. What had landed stays; pulling again goes on from there. Holds no secret."""
