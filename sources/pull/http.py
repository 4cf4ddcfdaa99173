"""Asking an API for one page of JSON, patiently: limits, server errors and cut connections are tried again.

The key is in a header only. No message, repr or traceback of this module holds it or what a header held.
"""

import itertools
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sources.pull import PullError

ATTEMPTS = 6
TIMEOUT_SECONDS = 60
LONGEST_PAUSE_SECONDS = 60
# A longer wait is a person's to decide: the pull stops and says so.
LONGEST_RETRY_AFTER_SECONDS = 900
MESSAGE_SHOWN = 300

Parameters = Sequence[tuple[str, str]]


class _TryAgainError(Exception):
    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = build_opener(_NoRedirects)


@dataclass(frozen=True)
class Api:
    """One API with one key. `key_variable` names the key in messages; the key itself is shown nowhere."""

    base_url: str
    key_variable: str
    key: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def get(self, path: str, parameters: Parameters) -> tuple[bytes, dict[str, Any]]:
        """The answer as it came and as JSON; PullError when it will not come."""
        url = f"{self.base_url.rstrip('/')}{path}"
        for attempt in itertools.count(1):
            try:
                return self._ask(url, parameters)
            except _TryAgainError as problem:
                if attempt == ATTEMPTS:
                    raise PullError(f"{url}: {problem}, {ATTEMPTS} times") from None
                time.sleep(_pause(url, attempt, problem))
        raise AssertionError("not reached")

    def _ask(self, url: str, parameters: Parameters) -> tuple[bytes, dict[str, Any]]:
        request = Request(f"{url}?{urlencode(parameters)}", headers={**self.headers, "Accept": "application/json"})
        try:
            with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                body = response.read()
        except HTTPError as error:
            raise self._refusal(url, error) from None
        except URLError as error:
            raise _TryAgainError(f"no connection ({error.reason})") from None
        except (OSError, HTTPException) as error:
            raise _TryAgainError(f"the connection was cut ({type(error).__name__})") from None
        try:
            answer = json.loads(body)
        except ValueError:
            raise _TryAgainError("the answer is not whole JSON") from None
        if not isinstance(answer, dict):
            raise PullError(f"{url}: the answer is no JSON object")
        return body, answer

    def _refusal(self, url: str, error: HTTPError) -> Exception:
        with error:
            status, retry_after = error.code, _retry_after(error.headers.get("Retry-After"))
            if status in (408, 429) or status >= 500:
                return _TryAgainError(f"answered {status}", retry_after)
            if status in (401, 403):
                return PullError(f"{url}: answered {status}: the key in {self.key_variable} may not read this")
            if 300 <= status < 400:
                return PullError(f"{url}: answered {status}, a redirect; redirects are not followed, set base_url")
            return PullError(f"{url}: answered {status}{self._said(error)}")

    def _said(self, error: HTTPError) -> str:
        """What the provider says is wrong with the question."""
        try:
            said = json.loads(error.read(100_000))["error"]
            said = said if isinstance(said, str) else said["message"]
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            return ""
        return f": {(str(said).replace(self.key, '***') if self.key else str(said))[:MESSAGE_SHOWN]}"


def _pause(url: str, attempt: int, problem: _TryAgainError) -> float:
    """Seconds to wait: what the server asks for, else up to twice as long each time; never all clients at once."""
    if problem.retry_after is None:
        return random.uniform(0, min(LONGEST_PAUSE_SECONDS, 2**attempt))
    if problem.retry_after > LONGEST_RETRY_AFTER_SECONDS:
        raise PullError(f"{url}: {problem} and asks to wait {problem.retry_after:,.0f} s; pull again then")
    return problem.retry_after + random.uniform(0, 1)


def _retry_after(text: str | None) -> float | None:
    """Seconds from now; the header holds seconds or a date."""
    if text is None:
        return None
    try:
        return max(
            0.0, float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
        )
    except ValueError:
        return None
