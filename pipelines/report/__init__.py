"""The printed summary of a run: one module a pipeline, and the layout that they share."""
