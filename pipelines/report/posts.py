"""The lines of a summary that tell of posts, and of the work history of persons."""

from pipelines.result.posts import PostsResult, WorkHistoryResult


def post_lines(name: str, result: PostsResult) -> list[str]:
    """What became of the teams or the commissies, by their name in the plural."""
    counts = {"Created": result.created, "Updated": result.updated, "Deleted": result.deleted, "Skipped": result.skipped}
    known = [f"  {label}: {count}" for label, count in counts.items() if count]
    return [f"{name} synced: {result.synced}/{result.total}", *(known or ["  0 changes"])]


def work_history_lines(result: WorkHistoryResult) -> list[str]:
    """What became of the rows in work histories."""
    counts = {"Added": result.created, "Ended": result.ended, "Skipped": result.skipped}
    known = [f"  {label}: {count}" for label, count in counts.items() if count]
    return [f"Members synced: {result.synced}/{result.total}", *known]
