"""What the steps of teams report, and the stats of a run of teams."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.records import ErrorRecord, Failures, Result, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class TeamDownloadResult(Result):
    """The step team-download.

    Attributes:
        member_count: Everybody on a roster, also without a role.
        is_complete: Both lists of Sportlink, of union teams and of club teams, have teams in them.
    """

    team_count: int = 0
    member_count: int = 0
    is_complete: bool = False

    @property
    def created(self) -> int:
        """Teams downloaded."""
        return self.team_count


@dataclass(slots=True, kw_only=True)
class TeamsStats(Stats):
    """What a run of teams did."""

    pipeline: ClassVar[str] = "teams"

    download: TeamDownloadResult = field(default_factory=TeamDownloadResult)
    teams: PostsResult = field(default_factory=PostsResult)
    work_history: WorkHistoryResult = field(default_factory=WorkHistoryResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed, in the order of the stats."""
        return [*self._download(), *self._teams(), *self._work_history()]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            "download": {
                "teamCount": self.download.team_count,
                "memberCount": self.download.member_count,
                "errors": failures_json(self._download()),
            },
            "teams": self.teams.as_json() | {"errors": failures_json(self._teams())},
            "workHistory": self.work_history.as_json() | {"errors": failures_json(self._work_history())},
        }

    def _download(self) -> list[ErrorRecord]:
        return [*self.failed_steps("teams", "team-download"), *self.download.failures]

    def _teams(self) -> list[ErrorRecord]:
        return [*self.failed_steps("team-sync"), *self.teams.failures]

    def _work_history(self) -> list[ErrorRecord]:
        return [*self.failed_steps("work-history-sync"), *self.work_history.failures]
