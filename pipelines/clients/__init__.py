"""The clients: one module for each external system, the only place that knows its wire format."""

from typing import Any

JsonObject = dict[str, Any]
"""A decoded JSON object, before it is parsed into a record."""
