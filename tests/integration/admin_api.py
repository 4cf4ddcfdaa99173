"""The admin APIs of four providers on 127.0.0.1, in the shapes of their references, with faults."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Question = dict[str, list[str]]
# fault(handler, body) answers in place of the API; True when it did.
Fault = Callable[[BaseHTTPRequestHandler, bytes], bool]


@dataclass
class AdminApi:
    """What the APIs hold, how they cut it into pages, and what they were asked."""

    base_url: str = ""
    buckets_per_page: int = 31
    # Bills as they stand now; a restatement changes them.
    cents_per_project: int = 125
    projects: list[str] = field(default_factory=lambda: ["proj_larch", "proj_birch"])
    # Question number -> what happens to it; the first is 1.
    faults: dict[int, Fault] = field(default_factory=dict)
    asked: list[tuple[str, Question]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def first_days(self, path: str) -> list[date]:
        """The days the questions for a report began with, in order."""
        return [_day(question, "start") for asked, question in self.asked if asked.endswith(path)]

    def page(self, path: str, question: Question) -> dict[str, Any]:
        if path.endswith("/activity"):
            return {"data": [_openrouter_activity(self, question["date"][0], project) for project in self.projects]}
        if path.endswith("/credits"):
            return {"data": {"total_credits": 100.5, "total_usage": self.cents_per_project / 100}}
        if path.endswith("/report"):
            return {"results": [row for project in self.projects for row in _vercel_report(self, question, project)]}
        first, end = _day(question, "start"), _day(question, "end")
        days = [first + timedelta(days=number) for number in range((end - first).days)]
        offset = int(question.get("page", ["page_0"])[0].removeprefix("page_"))
        shown = days[offset : offset + self.buckets_per_page]
        has_more = offset + self.buckets_per_page < len(days)
        return {
            "data": [self._bucket(path, day) for day in shown],
            "has_more": has_more,
            "next_page": f"page_{offset + self.buckets_per_page}" if has_more else None,
        }

    def _bucket(self, path: str, day: date) -> dict[str, Any]:
        results = [RESULTS[path](self, day, project) for project in self.projects]
        start, end = (datetime(one.year, one.month, one.day, tzinfo=UTC) for one in (day, day + timedelta(days=1)))
        if "organizations" in path:
            times: dict[str, Any] = {
                "starting_at": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "ending_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            }
        else:
            times = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        return {"object": "bucket", **times, "results": results}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        question = parse_qs(parts.query)
        self.asked.append((parts.path, question))
        self.headers.append(dict(handler.headers))
        body = json.dumps(self.page(parts.path, question)).encode()
        fault = self.faults.get(len(self.asked))
        if fault is None or not fault(handler, body):
            send(handler, 200, body)


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def admin_api() -> Iterator[AdminApi]:
    api = AdminApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.answer(self)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    api.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _day(question: Question, which: str) -> date:
    if (seconds := question.get(f"{which}_time")) is not None:
        return datetime.fromtimestamp(int(seconds[0]), UTC).date()
    return datetime.fromisoformat(question[f"{which}ing_at"][0]).date()


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _openai_usage(api: AdminApi, day: date, project: str) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result", "input_tokens": 1000 + day.day,
        "input_cached_tokens": 400, "input_cache_write_tokens": 100, "output_tokens": 500, "num_model_requests": 5,
        "input_audio_tokens": 0, "output_audio_tokens": 0, "project_id": project, "user_id": None,
        "api_key_id": "key_larch", "model": "gpt-5-mini", "batch": False, "service_tier": "default",
    }  # fmt: skip


def _openai_cost(api: AdminApi, day: date, project: str) -> dict[str, Any]:
    return {
        "object": "organization.costs.result",
        "amount": {"value": f"{api.cents_per_project / 100 + day.day}", "currency": "usd"},
        "line_item": "gpt-5-mini, input", "project_id": project, "api_key_id": "key_larch",
        "quantity": 1000 + day.day, "quantity_unit": "tokens",
    }  # fmt: skip


def _openai_meter(name: str, counted: str) -> Callable[[AdminApi, date, str], dict[str, Any]]:
    def result(api: AdminApi, day: date, project: str) -> dict[str, Any]:
        return {
            "object": f"organization.usage.{name}.result", counted: 10 + day.day, "num_model_requests": 2,
            "project_id": project, "user_id": None, "api_key_id": None, "model": None,
        }  # fmt: skip

    return result


def _anthropic_usage(api: AdminApi, day: date, project: str) -> dict[str, Any]:
    return {
        "uncached_input_tokens": 1500 + day.day, "cache_read_input_tokens": 200, "output_tokens": 500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        "server_tool_use": {"web_search_requests": 10}, "api_key_id": "apikey_larch", "workspace_id": project,
        "model": "claude-haiku-4-5", "service_tier": "standard", "context_window": "0-200k", "inference_geo": None,
        "account_id": None, "service_account_id": None, "speed": "fast" if project == api.projects[0] else "standard",
    }  # fmt: skip


def _anthropic_cost(api: AdminApi, day: date, project: str) -> dict[str, Any]:
    return {
        "amount": f"{api.cents_per_project + day.day}.789", "currency": "USD", "cost_type": "tokens",
        "token_type": "uncached_input_tokens", "description": "Claude Haiku 4.5 Usage - Input Tokens",
        "model": "claude-haiku-4-5", "service_tier": "standard", "context_window": "0-200k", "inference_geo": "global",
        "workspace_id": project,
    }  # fmt: skip


def _openrouter_activity(api: AdminApi, day: str, project: str) -> dict[str, Any]:
    return {
        "date": day, "model": f"openai/{project}", "model_permaslug": f"openai/{project}-2025-04-14",
        "endpoint_id": "550e8400-e29b-41d4-a716-446655440000", "provider_name": "OpenAI",
        "usage": api.cents_per_project / 100, "byok_usage_inference": 0.012, "requests": 5, "prompt_tokens": 50,
        "completion_tokens": 125, "reasoning_tokens": 25,
    }  # fmt: skip


def _vercel_report(api: AdminApi, question: Question, project: str) -> list[dict[str, Any]]:
    first, last = (date.fromisoformat(question[f"{which}_date"][0]) for which in ("start", "end"))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [
        {
            "day": f"{day}", "model": f"openai/{project}", "total_cost": api.cents_per_project / 100,
            "market_cost": 2.5, "surcharge_cost": 0, "gateway_cost": 0, "input_tokens": 1000, "output_tokens": 100,
            "cached_input_tokens": 600, "cache_creation_input_tokens": 0, "reasoning_tokens": 30, "request_count": 5,
        }
        for day in days
    ]  # fmt: skip


RESULTS: dict[str, Callable[[AdminApi, date, str], dict[str, Any]]] = {
    "/v1/organization/usage/completions": _openai_usage,
    "/v1/organization/costs": _openai_cost,
    "/v1/organization/usage/embeddings": _openai_meter("embeddings", "input_tokens"),
    "/v1/organization/usage/moderations": _openai_meter("moderations", "input_tokens"),
    "/v1/organization/usage/images": _openai_meter("images", "images"),
    "/v1/organization/usage/audio_speeches": _openai_meter("audio_speeches", "characters"),
    "/v1/organization/usage/audio_transcriptions": _openai_meter("audio_transcriptions", "seconds"),
    "/v1/organization/usage/web_search_calls": _openai_meter("web_searches", "num_requests"),
    "/v1/organization/usage/file_search_calls": _openai_meter("file_searches", "num_requests"),
    "/v1/organization/usage/vector_stores": _openai_meter("vector_stores", "usage_bytes"),
    "/v1/organization/usage/code_interpreter_sessions": _openai_meter("code_interpreter_sessions", "num_sessions"),
    "/v1/organizations/usage_report/messages": _anthropic_usage,
    "/v1/organizations/cost_report": _anthropic_cost,
}
