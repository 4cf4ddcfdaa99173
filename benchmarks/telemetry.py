"""GPU telemetry: samples a CPU second of text and of query results, and what a day of a large fleet takes.

The fleet is 1,000 GPUs with 20 metrics every 15 s: 115,200,000 samples a day. A file is what a pull lands of it at
once, 18 minutes; by default a few of them are read and the day is projected from their CPU.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Say, StageError, run_stage
from benchmarks.rows import write_settings

GPUS, METRICS, STEP_SECONDS = 1_000, 20, 15
DAY_SAMPLES = GPUS * METRICS * 86_400 // STEP_SECONDS
FILE_STEPS = 72
FILE_SAMPLES = GPUS * METRICS * FILE_STEPS
DAY_FILES = DAY_SAMPLES // FILE_SAMPLES
START_S = 1_794_268_800
TEXT_STEPS = 12
GOALS = {"text_per_cpu_s": 150_000.0, "json_per_cpu_s": 1_000_000.0, "peak_gb": 1.5}
_NAMES = (
    "PROF_GR_ENGINE_ACTIVE", "DEV_GPU_UTIL", "DEV_POWER_USAGE", "DEV_TOTAL_ENERGY_CONSUMPTION", "DEV_FB_USED",
    "DEV_FB_FREE", "DEV_FB_RESERVED", "DEV_GPU_TEMP", "DEV_MEMORY_TEMP", "DEV_SM_CLOCK", "DEV_MEM_CLOCK",
    "DEV_MEM_COPY_UTIL", "DEV_ENC_UTIL", "DEV_DEC_UTIL", "DEV_XID_ERRORS", "PROF_PIPE_TENSOR_ACTIVE",
    "PROF_DRAM_ACTIVE", "PROF_PCIE_TX_BYTES", "PROF_PCIE_RX_BYTES", "DEV_NVLINK_BANDWIDTH_TOTAL",
)  # fmt: skip
assert len(_NAMES) == METRICS
assert DAY_FILES * FILE_SAMPLES == DAY_SAMPLES


@dataclass(frozen=True)
class Telemetry:
    """CPU seconds are the ingest's own work; peaks are of the whole process."""

    text_samples: int
    text_cpu_s: float
    text_peak_bytes: int
    json_files: int
    json_samples: int
    json_cpu_s: float
    json_peak_bytes: int
    one_file_peak_bytes: int

    @property
    def values(self) -> dict[str, float]:
        return {
            "text_per_cpu_s": self.text_samples / self.text_cpu_s,
            "json_per_cpu_s": self.json_samples / self.json_cpu_s,
            "peak_gb": max(self.text_peak_bytes, self.json_peak_bytes) / 1e9,
        }

    @property
    def day_cpu_s(self) -> float:
        """CPU of a whole day by query results."""
        return self.json_cpu_s / self.json_samples * DAY_SAMPLES

    @property
    def is_met(self) -> bool:
        values = self.values
        return values["peak_gb"] <= GOALS["peak_gb"] and all(
            values[name] >= GOALS[name] for name in ("text_per_cpu_s", "json_per_cpu_s")
        )


def write_telemetry(home: Path, form: str, files: int) -> int:
    """A home with `files` files of the fleet's samples in landing; how many samples they hold."""
    write_settings(home / "config")
    folder = home / "landing" / "dcgm" / "samples"
    folder.mkdir(parents=True)
    steps = TEXT_STEPS if form == "text" else FILE_STEPS
    for number in range(files):
        first = START_S + number * steps * STEP_SECONDS
        times = [first + step * STEP_SECONDS for step in range(steps)]
        with (folder / f"samples_{number:03}.{'prom' if form == 'text' else 'json'}").open("w") as file:
            file.writelines(_text(number, times) if form == "text" else _answer(number, times))
    return files * steps * GPUS * METRICS


def _series(number: int, steps: int) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Name, labels and values of each series; energy grows, activity is a share."""
    rng = np.random.default_rng(number)
    for gpu in range(GPUS):
        node, slot = divmod(gpu, 8)
        labels = {
            "gpu": f"{slot}", "UUID": f"GPU-{gpu:08x}-91d2-4f6e-8a71-3c0b6d2e9f40",
            "pci_bus_id": f"00000000:{slot:02}:00.0",
            "device": f"nvidia{slot}", "modelName": "NVIDIA H100 80GB HBM3", "Hostname": f"gpu-node-{node}",
            "container": "vllm", "namespace": "inference", "pod": f"vllm-{node}-{slot}",
        }  # fmt: skip
        shares = rng.integers(0, 10_000, steps) / 10_000
        energy = (number * steps + np.arange(steps)) * 4_500_000 + gpu
        for name in _NAMES:
            is_share = name.endswith("_ACTIVE")
            yield f"DCGM_FI_{name}", labels, [
                f"{share:.4f}" if is_share else f"{mj}" if "ENERGY" in name else f"{share * 100:.0f}"
                for share, mj in zip(shares.tolist(), energy.tolist(), strict=True)
            ]  # fmt: skip


def _answer(number: int, times: list[int]) -> Iterator[str]:
    yield '{"status":"success","data":{"resultType":"matrix","result":['
    for place, (name, labels, values) in enumerate(_series(number, len(times))):
        pairs = ",".join(f'[{time},"{value}"]' for time, value in zip(times, values, strict=True))
        yield f'{"," if place else ""}{{"metric":{json.dumps({"__name__": name, **labels})},"values":[{pairs}]}}'
    yield "]}}"


def _text(number: int, times: list[int]) -> Iterator[str]:
    for name, labels, values in _series(number, len(times)):
        series = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
        for time, value in zip(times, values, strict=True):
            yield f"{series} {value} {time * 1000}\n"


def measure_telemetry(folder: Path, files: int, say: Say) -> Telemetry:
    """Make the files in `folder` and read them; the day is `DAY_FILES` files."""
    found = {}
    for name, form, count in (("text", "text", 1), ("one", "json", 1), ("json", "json", files)):
        say(f"telemetry: {count} file{'' if count == 1 else 's'} of {form}")
        home = folder / f"telemetry-{name}"
        samples = int(run_stage("telemetry", home, form, f"{count}").said["samples"])
        stage = run_stage("ingest", home)
        if stage.said["rows"] != samples or stage.said["rejected"]:
            raise StageError(f"{stage.said['rows']:,} samples of {samples:,} read")
        found[name] = (samples, float(stage.said["cpu"][0]), stage.peak_bytes)
    text, one, several = found["text"], found["one"], found["json"]
    return Telemetry(*text, files, *several, one[2])


def show_telemetry(telemetry: Telemetry) -> None:
    """The verdicts, on stdout."""
    from rich.console import Console
    from rich.table import Table

    verdicts = Table("GPU telemetry", title="Goals", title_justify="left")
    for name in ("measured", "goal"):
        verdicts.add_column(name, justify="right")
    verdicts.add_column("verdict")
    texts = {"text_per_cpu_s": "text, samples a CPU s", "json_per_cpu_s": "query results, samples a CPU s"}
    for name, value in telemetry.values.items():
        is_met = value <= GOALS[name] if name == "peak_gb" else value >= GOALS[name]
        bound = f"{'<=' if name == 'peak_gb' else '>='} {GOALS[name]:,g}"
        verdict = "[green]met[/]" if is_met else "[red]missed[/]"
        verdicts.add_row(texts.get(name, "peak memory, GB"), f"{value:,.2f}", bound, verdict)
    console = Console()
    console.print(verdicts)
    peaks = (
        f"peak {telemetry.one_file_peak_bytes / 1e6:,.0f} MB at 1 file, {telemetry.json_peak_bytes / 1e6:,.0f} MB at"
    )
    day = f"{DAY_SAMPLES:,} samples: {telemetry.day_cpu_s / 60:,.1f} minutes of CPU"
    how = "measured" if telemetry.json_files == DAY_FILES else f"projected from {telemetry.json_files} of {DAY_FILES}"
    console.print(f"{peaks} {telemetry.json_files}; a day of {GPUS:,} GPUs, {day} ({how})", soft_wrap=True)
