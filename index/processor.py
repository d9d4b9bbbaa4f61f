"""What this machine's processor can do, as Linux tells it; elsewhere nothing is known and nothing is assumed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@cache
def features() -> frozenset[str]:
    """The names of the first core's instruction sets, such as avx512_vnni; empty where there is no such list."""
    try:
        lines = CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    found = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(found.partition(":")[2].split())


def multiplies_bfloat16() -> bool:
    """Whether products of 16-bit numbers are the processor's own; emulated ones cost more than 32-bit ones."""
    return bool(features() & {"avx512_bf16", "amx_bf16", "bf16"})
