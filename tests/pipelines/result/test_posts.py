"""What posts and work histories come to."""

from pipelines.result import ErrorRecord
from pipelines.result.posts import PostsResult, WorkHistoryResult

NO = ErrorRecord(knvb_id="A1", message="no")


def test_posts_count_what_their_columns_mean():
    result = PostsResult(total=9, created=1, updated=2, skipped=5, deleted=3, failures=[NO])

    assert (result.created, result.updated, result.skipped, result.failed, result.synced) == (1, 2, 5, 1, 3)


def test_rows_that_are_over_are_updated_rows():
    result = WorkHistoryResult(total=4, synced=3, created=2, ended=5, skipped=6, failures=[NO])

    assert (result.created, result.updated, result.skipped, result.failed) == (2, 5, 6, 1)
