"""The sync pipelines of a football club."""
