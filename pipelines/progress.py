"""What a long run says while it works: bars on a terminal, one line a step elsewhere. Always on stderr.

Steps tell what they do; how it is shown is decided once, by the command.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID


class Step:
    """One step of a run. The base says nothing."""

    def advance(self, done: int, total: int, what: str) -> None:
        """`done` of `total` are finished, the last of them `what`."""

    def result(self, text: str) -> None:
        """What came of the step, in a few words."""


class Progress:
    """Shows nothing: for Dagster, which has a log of its own, and for tests."""

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step from its start to its end, whatever that is."""
        del name
        yield Step()

    def say(self, text: str) -> None:
        """A line between steps."""

    def close(self) -> None:
        """Nothing more will be said."""


class _LineStep(Step):
    def __init__(self) -> None:
        self.text = ""

    def result(self, text: str) -> None:
        self.text = text


class LineProgress(Progress):
    """One line when a step starts and one when it ends, for logs."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = stream or sys.stderr

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        self.say(f"{name} ...")
        started, step = time.monotonic(), _LineStep()
        yield step
        self.say(f"{name}: {step.text or 'done'} ({time.monotonic() - started:.1f} s)")

    def say(self, text: str) -> None:
        self.stream.write(text + "\n")
        self.stream.flush()


class _BarStep(_LineStep):
    def __init__(self, bars: "RichBars", task: "TaskID") -> None:
        super().__init__()
        self.bars, self.task = bars, task

    def advance(self, done: int, total: int, what: str) -> None:
        self.bars.update(self.task, completed=done, total=total, detail=f"{done}/{total} {what}")


class BarProgress(Progress):
    """A bar for the running step above the lines of those that are done."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
        )
        self.bars = Progress(*columns, console=Console(stderr=True), transient=True)
        self.bars.start()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        task = self.bars.add_task(name, total=None, detail="")
        started, step = time.monotonic(), _BarStep(self.bars, task)
        try:
            yield step
            seconds = f"{time.monotonic() - started:6.1f} s"
            self.bars.console.print(f"[green]✓[/] {name:<10} [dim]{seconds}[/]  ", end="")
            self.bars.console.print(step.text or "done", markup=False, highlight=False)
        finally:
            self.bars.remove_task(task)

    def say(self, text: str) -> None:
        self.bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self.bars.stop()


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Bars when a person watches stderr, lines otherwise."""
    progress = BarProgress() if sys.stderr.isatty() else LineProgress()
    try:
        yield progress
    finally:
        progress.close()
