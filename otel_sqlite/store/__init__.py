"""The dashboard database: the only place that knows its SQL."""
