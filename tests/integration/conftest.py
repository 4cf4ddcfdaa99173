import sys

# pgserver, the PostgreSQL of these tests, has no wheels for Python 3.13.
collect_ignore = ["test_pulls_litellm.py"] if sys.version_info >= (3, 13) else []
