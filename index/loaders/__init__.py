"""One module a format; each has `load(data: bytes, name: str) -> Loaded` and imports its library inside."""
