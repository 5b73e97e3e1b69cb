"""OTLP/HTTP in: spans of other machines and other languages, by the same mapping and the same writer as our own."""
