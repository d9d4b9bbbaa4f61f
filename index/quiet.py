"""Libraries that would call home are told not to, before any of them is imported."""

import os

SILENCE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "DO_NOT_TRACK": "1",
    "RAGAS_DO_NOT_TRACK": "true",
}
_said = {name for name in SILENCE if name in os.environ}

for _name, _value in SILENCE.items():
    os.environ.setdefault(_name, _value)


def ours(name: str) -> bool:
    """Whether the variable was set here, and not by whoever started the program."""
    return name not in _said
