"""Weekly reports and failed runs, sent to where people read: Slack, Teams and e-mail.

What is sent is text, the headline figures, a link where reports are served, and by mail the PDF and the spreadsheet.
Webhook addresses and passwords are read from the environment when they are used; no message of ours holds one.
"""

import csv
import http.client
import json
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from assets.deliver import report_path, week_name
from assets.reports.weekly import CSV_NAME, PDF_NAME, XLSX_NAME
from sources.home import Home
from sources.settings.models import DeliveryRule

TIMEOUT_SECONDS = 15
# Between the tries: a receiver that is down for seconds is waited for, one that is down for good does not hold a run.
WAITS_SECONDS = (1, 4)
TLS_PORT = 465
# Who has had which week's report, below reports/.
DELIVERED = "delivered.json"
LOCAL = ("localhost", "127.0.0.1")
TYPES = {
    PDF_NAME: ("application", "pdf"),
    XLSX_NAME: ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


class DeliveryError(Exception):
    """There is nothing to send, or a variable that is needed is not set."""


class _RefusedError(Exception):
    """A receiver said no; asking again would not help."""


@dataclass(frozen=True)
class Notice:
    """What is said to every receiver; `page` is its place below the reports folder."""

    kind: Literal["report", "failure"]
    title: str
    lines: tuple[str, ...]
    page: str = ""
    attachments: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Sent:
    """How it went with one receiver. `error` is empty where it took the notice."""

    receiver: str
    error: str = ""

    def __str__(self) -> str:
        return f"not sent   {self.receiver}: {self.error}" if self.error else f"sent       {self.receiver}"


def report_notice(home: Home, week: date) -> Notice:
    """The report of a week as it was written."""
    folder = report_path(home, week).parent
    if not (folder / CSV_NAME).is_file():
        raise DeliveryError(f"{folder / CSV_NAME}: not there; `inferledger report --week {week_name(week)}` writes it")
    with (folder / CSV_NAME).open(encoding="utf-8-sig", newline="") as lines:
        headline = [line for line in csv.DictReader(lines) if line["table"] == "headline"]
    return Notice(
        "report",
        f"AI unit economics, {week_name(week)}",
        tuple(f"{line['row']}: {line['value']}" for line in headline),
        str(report_path(home, week).relative_to(home.reports)),
        tuple(folder / name for name in TYPES),
    )


def failure_notice(what: str, error: str) -> Notice:
    """A run that failed, with the message it failed with."""
    return Notice("failure", f"inferledger: {what} failed", (error, "`inferledger status` says how things stand."))


def send(rules: Sequence[DeliveryRule], notice: Notice, sleep: Callable[[float], None] = time.sleep) -> list[Sent]:
    """Send to every receiver of such notices; one that fails does not keep the others from theirs."""
    return [_sent(rule, notice, sleep) for rule in rules if notice.kind in rule.of]


def deliver_once(home: Home, rules: Sequence[DeliveryRule], week: date) -> list[Sent]:
    """Send a week's report to those who have not had it; who could not be reached is tried again by the next run."""
    path = home.reports / DELIVERED
    delivered: dict[str, list[str]] = json.loads(path.read_text()) if path.is_file() else {}
    had = delivered.setdefault(week_name(week), [])
    open_rules = [rule for rule in rules if "report" in rule.of and receiver_of(rule) not in had]
    if not open_rules:
        return []
    sent = send(open_rules, report_notice(home, week))
    had += [one.receiver for one in sent if not one.error]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(delivered, indent=1, sort_keys=True) + "\n")
    temporary.replace(path)
    return sent


def receiver_of(rule: DeliveryRule) -> str:
    return f"email {', '.join(rule.recipients)}" if rule.to == "email" else f"{rule.to} ${rule.webhook_variable}"


def _sent(rule: DeliveryRule, notice: Notice, sleep: Callable[[float], None]) -> Sent:
    error = ""
    for wait in (*WAITS_SECONDS, None):
        try:
            _mail(rule, notice) if rule.to == "email" else _post(rule, notice)
        except (DeliveryError, _RefusedError) as refused:
            return Sent(receiver_of(rule), str(refused))
        # what these say can hold the address or the login, so only their kind is told
        except (OSError, http.client.HTTPException, smtplib.SMTPException) as failed:
            error = f"{type(failed).__name__} after {len(WAITS_SECONDS) + 1} tries"
            if wait is not None:
                sleep(wait)
        else:
            return Sent(receiver_of(rule))
    return Sent(receiver_of(rule), error)


def _secret(name: str | None) -> str:
    value = os.environ.get(name or "")
    if not value:
        raise DeliveryError(f"{name}: not set in the environment")
    return value


def _post(rule: DeliveryRule, notice: Notice) -> None:
    address, body = (
        _secret(rule.webhook_variable),
        (_slack if rule.to == "slack" else _teams)(notice, _link(rule, notice)),
    )
    try:
        request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    except ValueError:
        raise _RefusedError(f"{rule.webhook_variable}: holds no http address") from None
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.TOO_MANY_REQUESTS and error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _RefusedError(f"answered {error.code}") from None
        raise


def _link(rule: DeliveryRule, notice: Notice) -> str:
    return f"{rule.link.rstrip('/')}/{notice.page}" if rule.link and notice.page else ""


def _slack(notice: Notice, link: str) -> dict[str, Any]:
    """Three characters are Slack's own; escaped, no name can become a link or a mention."""
    said = "\n".join([f"*{notice.title}*", *notice.lines])
    text = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": f"{text}\n<{link}|Open the report>" if link else text}


def _teams(notice: Notice, link: str) -> dict[str, Any]:
    """An adaptive card; its text runs are plain, where a text block would read markdown."""
    lines = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in notice.lines]
    title = {"type": "TextRun", "text": notice.title, "weight": "bolder", "size": "medium"}
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [title]}, *lines],
        "actions": [{"type": "Action.OpenUrl", "title": "Open the report", "url": link}] if link else [],
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def _mail(rule: DeliveryRule, notice: Notice) -> None:
    login = (_secret(rule.user_variable), _secret(rule.password_variable)) if rule.user_variable else None
    message = EmailMessage()
    message["Subject"] = " ".join(notice.title.split())
    message["From"] = rule.sender
    message["To"] = ", ".join(rule.recipients)
    link = _link(rule, notice)
    message.set_content("\n".join([*notice.lines, *([link] if link else [])]) + "\n")
    for path in notice.attachments:
        maintype, subtype = TYPES[path.name]
        message.add_attachment(path.read_bytes(), maintype=maintype, subtype=subtype, filename=path.name)
    with _smtp(rule) as server:
        if login:
            try:
                server.login(*login)
            except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError):
                raise _RefusedError(f"{rule.host}: refused the login of ${rule.user_variable}") from None
        server.send_message(message)


def _smtp(rule: DeliveryRule) -> smtplib.SMTP:
    host = str(rule.host)
    if rule.port == TLS_PORT:
        return smtplib.SMTP_SSL(host, rule.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, rule.port, timeout=TIMEOUT_SECONDS)
    if host not in LOCAL:
        server.starttls(context=ssl.create_default_context())
    return server
