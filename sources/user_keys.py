"""Keyed hashes for people: the only form in which a user id or e-mail address leaves landing.

The key comes from the company's settings, so hashes of two companies never match. SHA-256 of key and value, cut to 128
bits: DuckDB has no HMAC, and a hash that is cut cannot be extended, which is what HMAC's second round is for. Python
and SQL give the same text for the same person.
"""

import hashlib

import duckdb

# The key reaches SQL as a session variable, so it appears in no statement, plan or error message.
_VARIABLE = "inferledger_hash_key"


def _key_text(hash_key: bytes) -> str:
    # 128 bits whatever the key's length: longer texts would cost SHA-256 another block.
    return hashlib.sha256(hash_key).hexdigest()[:32]


def user_key(value: str, hash_key: bytes) -> str:
    return hashlib.sha256(f"{_key_text(hash_key)}:{value}".encode()).hexdigest()[:32]


def set_hash_key(connection: duckdb.DuckDBPyConnection, hash_key: bytes) -> None:
    connection.execute(f"set variable {_VARIABLE} = $key", {"key": _key_text(hash_key)})


def user_key_sql(column: str) -> str:
    """SQL for the key of a text column; null for null and for the empty text."""
    key = f"getvariable('{_VARIABLE}') || ':'"
    return f"case when {column} <> '' then left(sha256({key} || {column}), 32) end"
