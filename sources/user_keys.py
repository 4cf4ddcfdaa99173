"""Keyed hashes for people: the only form in which a user id or e-mail address leaves landing.

The key comes from the company's settings, so hashes of two companies never match. Two nested SHA-256 rounds, because
DuckDB has sha256() but no HMAC; Python and SQL give the same text for the same person.
"""

import hashlib

import duckdb

# The key reaches SQL as a session variable, so it appears in no statement, plan or error message.
_VARIABLE = "inferledger_hash_key"


def _key_text(hash_key: bytes) -> str:
    # 128 bits whatever the key's length: longer texts would cost SHA-256 another block in both rounds.
    return hashlib.sha256(hash_key).hexdigest()[:32]


def user_key(value: str, hash_key: bytes) -> str:
    key = _key_text(hash_key)
    inner = hashlib.sha256(f"{key}:{value}".encode()).hexdigest()
    return hashlib.sha256(f"{key}:{inner}".encode()).hexdigest()


def set_hash_key(connection: duckdb.DuckDBPyConnection, hash_key: bytes) -> None:
    connection.execute(f"set variable {_VARIABLE} = $key", {"key": _key_text(hash_key)})


def user_key_sql(column: str) -> str:
    """SQL for the key of a text column; null for null and for the empty text."""
    key = f"getvariable('{_VARIABLE}') || ':'"
    return f"case when {column} <> '' then sha256({key} || sha256({key} || {column})) end"
