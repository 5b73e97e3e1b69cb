"""What the steps of the pipelines do: functions from the systems to a result."""
