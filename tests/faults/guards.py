"""The guards of the bridge: lines whose absence nobody sees until something goes wrong, and the tests that miss them."""

from dataclasses import dataclass
from typing import Final

_FILES: Final = "tests/faults/test_files.py::"
_FORKS: Final = "tests/faults/test_forks.py::"
_JOURNALS: Final = "tests/faults/test_journals.py::"
_VALUES: Final = "tests/faults/test_values.py::"
_ENVIRONMENT: Final = "tests/faults/test_environment.py::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A guard, and how to do without it.

    Attributes:
        name: What it guards.
        file: Where it stands, from the root of the tree.
        code: Its lines, as they stand there once.
        without: What stands there instead when it is gone.
        test: What must fail then, as pytest is told.
    """

    name: str
    file: str
    code: str
    without: str
    test: str


GUARDS: Final = (
    # The database's files
    Guard(
        name="a database that was replaced",
        file="otel_sqlite/store/connection.py",
        code="return self._files == _identities(self.path)",
        without="return bool(self._files)",
        test=_FILES + "test_a_file_that_is_taken_away_comes_back_with_the_whole_of_every_open_run[delete]",
    ),
    Guard(
        name="a log of the database that was taken away",
        file="otel_sqlite/store/connection.py",
        code='for suffix in ("", "-wal", "-shm")]',
        without='for suffix in ("",)]',
        test=_FILES + "test_what_is_recorded_after_a_file_was_taken_away_is_in_the_one_that_others_see[delete_log]",
    ),
    Guard(
        name="free space",
        file="otel_sqlite/store/connection.py",
        code="    if free < MIN_FREE_BYTES:",
        without="    if free < 0:",
        test="tests/faults/test_space.py::test_a_disk_that_is_full_when_a_database_is_opened_ends_no_process[ext4-1k]",
    ),
    Guard(
        name="somebody else's database",
        file="otel_sqlite/store/adopt.py",
        code="    if tables and not is_dashboard(connection):",
        without="    if False:",
        test=_FILES + "test_what_is_not_ours_stays_as_it_is_and_the_journal_keeps_everything[another application's]",
    ),
    Guard(
        name="a newer version's database",
        file="otel_sqlite/store/adopt.py",
        code="    if version > SCHEMA_VERSION:",
        without="    if False:",
        test=_FILES + "test_what_is_not_ours_stays_as_it_is_and_the_journal_keeps_everything[a newer version's]",
    ),
    Guard(
        name="a device for a database",
        file="otel_sqlite/journal.py",
        code="        if is_there(path, path) and not (path.is_file() or path.is_dir()):",
        without="        if False:",
        test=_FILES + "test_nothing_is_made_beside_what_can_never_be_a_database",
    ),
    Guard(
        name="a folder that is closed to the user",
        file="otel_sqlite/store/connection.py",
        code="    except PermissionError as error:\n        raise StoreForbiddenError(database) from error\n",
        without="",
        test="tests/faults/test_rights.py::test_a_folder_that_another_user_has_closed_costs_one_line",
    ),
    Guard(
        name="the cleanup of the tracker that came before",
        file="otel_sqlite/store/schema.sql",
        code=" ON DELETE CASCADE",
        without="",
        test="tests/faults/test_original.py::test_its_cleanup_takes_what_is_old_while_ours_write_and_nothing_that_is_new",
    ),
    # Taking turns
    Guard(
        name="the mutex of writers",
        file="otel_sqlite/store/connection.py",
        code="        try:\n            with self._mutex(deadline), _no_fork:",
        without="        try:\n            with _no_fork:",
        test="tests/faults/test_locks.py::test_the_callers_thread_never_waits_for_a_writer_that_was_stopped[mutex]",
    ),
    # The journal
    Guard(
        name="a short write",
        file="otel_sqlite/journal.py",
        code="                line = line[written:]",
        without="                line = line[:0]",
        test="tests/faults/test_space.py::test_a_disk_that_fills_up_while_a_run_is_open_loses_nothing_when_there_is_space_again[tmpfs]",
    ),
    Guard(
        name="what waits is written by the tick",
        file="otel_sqlite/journal.py",
        code="            os.utime(self._descriptor)\n            self._write_waiting()\n",
        without="            os.utime(self._descriptor)\n",
        test="tests/otel_sqlite/test_journal.py",
    ),
    Guard(
        name="a journal that goes while it is being looked at",
        file="otel_sqlite/dead.py",
        code=" and not is_locked(descriptor) and os.path.samestat(found, path.stat()):",
        without=" and not is_locked(descriptor):",
        test="tests/otel_sqlite/test_dead.py",
    ),
    Guard(
        name="the lease, when a journal is made",
        file="otel_sqlite/journal.py",
        code="    if not try_lock(descriptor):  # without it",
        without="    if False:  # without it",
        test="tests/faults/test_exits.py::test_a_stopped_process_is_running_and_goes_on",
    ),
    Guard(
        name="the lease, before a journal is taken for dead",
        file="otel_sqlite/dead.py",
        code="stat.S_ISREG(found.st_mode) and not is_locked(descriptor) and",
        without="stat.S_ISREG(found.st_mode) and",
        test="tests/faults/test_exits.py::test_a_stopped_process_is_running_and_goes_on",
    ),
    Guard(
        name="a link among the journals",
        file="otel_sqlite/dead.py",
        code="os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC",
        without="os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC",
        test=_JOURNALS + "test_a_link_among_the_journals_never_harms_what_it_leads_to[symbolic]",
    ),
    Guard(
        name="what is no file among the journals",
        file="otel_sqlite/dead.py",
        code="        if stat.S_ISREG(found.st_mode) and ",
        without="        if ",
        test=_JOURNALS + "test_what_is_no_file_among_the_journals_is_left_alone[FIFO]",
    ),
    Guard(
        name="a journal of a newer format",
        file="otel_sqlite/applier.py",
        code="    if not dead.is_known:\n        return False\n",
        without="",
        test=_JOURNALS + "test_a_journal_of_a_newer_format_waits_and_keeps_no_other_from_being_applied",
    ),
    Guard(
        name="a journal that was removed",
        file="otel_sqlite/journal.py",
        code="            if not self._is_linked():\n                self._relink()\n",
        without="",
        test=_FILES + "test_a_sidecar_folder_that_is_removed_comes_back_with_the_journal",
    ),
    Guard(
        name="a record that fails alone",
        file="otel_sqlite/store/writer.py",
        code="        except _REFUSED as error:",
        without="        except ZeroDivisionError as error:",
        test="tests/faults/test_values.py::test_a_record_that_is_refused_is_counted_with_its_run",
    ),
    # Forks
    Guard(
        name="spans that a child inherited",
        file="otel_sqlite/processor.py",
        code="            if key in self._inherited:\n                return\n",
        without="",
        test=_FORKS + "test_a_child_that_ends_a_span_it_inherited_does_not_end_the_run",
    ),
    Guard(
        name="the processor's fork hooks",
        file="otel_sqlite/processor.py",
        code="os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,"
        " after_in_child=_after_fork_in_child)",
        without="",
        test=_FORKS + "test_a_child_that_ends_a_span_it_inherited_does_not_end_the_run",
    ),
    Guard(
        name="a signal that would end the process on a size limit",
        file="otel_sqlite/store/connection.py",
        code=" or signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN:",
        without=" or True:",
        test="tests/faults/test_space.py::test_a_limit_of_the_size_of_files_loses_nothing_when_it_is_lifted[default]",
    ),
    Guard(
        name="the counters' fork hooks",
        file="otel_sqlite/instrument.py",
        code="os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent,"
        " after_in_child=_after_fork_in_child)",
        without="",
        test=_FORKS
        + "test_a_child_forked_while_another_thread_holds_a_lock_records_all_the_same[otel_sqlite.instrument._counting]",
    ),
    Guard(
        name="no fork inside SQLite",
        file="otel_sqlite/store/connection.py",
        code="os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_let_go)",
        without="",
        test=_FORKS + "test_a_fork_waits_for_the_transaction_in_progress",
    ),
    Guard(
        name="the lease in a child",
        file="otel_sqlite/processor.py",
        code="            self._journal.abandon()\n",
        without="            pass\n",
        test=_FORKS + "test_a_child_that_outlives_its_parent_does_not_keep_the_run_alive[fork]",
    ),
    Guard(
        name="a child that leaves its parent's block",
        file="otel_sqlite/instrument.py",
        code="        return self._token is not None and self._pid == os.getpid()",
        without="        return self._token is not None",
        test=_FORKS + "test_a_child_that_leaves_its_parents_block_exports_nothing_of_it",
    ),
    # The pipeline's thread
    Guard(
        name="a block that is closed inside another",
        file="otel_sqlite/instrument.py",
        code=" or (_innermost.get() is not self and self not in _blocks()):",
        without=":",
        test="tests/otel_sqlite/test_instrument.py::test_a_block_that_is_closed_inside_another_leaves_that_one_and_no_trace",
    ),
    Guard(
        name="exits raised by a value that is shown",
        file="otel_sqlite/clean.py",
        code="        return str.__str__(value if isinstance(value, str) else str(value))\n    except BaseException as error:",
        without="        return str.__str__(value if isinstance(value, str) else str(value))\n    except Exception as error:",
        test=_VALUES + "test_an_exception_leaves_as_the_same_object_and_fails_step_and_run[__str__ that exits]",
    ),
    Guard(
        name="a run that is ended by Ctrl-C or an exit",
        file="otel_sqlite/model.py",
        code="    if issubclass(kind, KeyboardInterrupt):\n        return EndReason.SIGNAL\n",
        without="",
        test="tests/faults/test_exits.py::test_a_run_says_how_it_ended",
    ),
    Guard(
        name="a run that ends after shutdown",
        file="otel_sqlite/processor.py",
        code="            if self._is_shut_down and self._applier is not None and self._journal is not None:",
        without="            if False:",
        test="tests/faults/test_exits.py::test_a_run_that_ends_when_recording_has_shut_down_is_whole_before_its_process_ends",
    ),
    Guard(
        name="no spans of our own statements",
        file="otel_sqlite/applier.py",
        code="            _make_no_spans()\n",
        without="",
        test=_ENVIRONMENT + "test_an_instrumented_sqlite3_makes_no_spans_of_what_tracking_does",
    ),
    Guard(
        name="the sampler that hides no run",
        file="otel_sqlite/provider.py",
        code="    provider.sampler = _WholeSpanSampler(provider.sampler)\n",
        without="",
        test=_ENVIRONMENT + "test_nothing_in_the_environment_hides_a_run[a sampler that takes nothing]",
    ),
    # The merge order
    Guard(
        name="an ended run takes nothing more",
        file="otel_sqlite/store/batch.py",
        code="  AND (runs.finished_at IS NULL OR (excluded.finished_at IS NOT NULL AND runs.end_reason IN ({_LABELS})))\n",
        without="",
        test="tests/otel_sqlite/store/test_writer.py",
    ),
    Guard(
        name="an ended step takes nothing more",
        file="otel_sqlite/store/batch.py",
        code="WHERE run_steps.finished_at IS NULL OR "
        "(excluded.finished_at IS NOT NULL AND run_steps.end_reason IN ({_LABELS}))\n",
        without="",
        test="tests/otel_sqlite/store/test_writer.py",
    ),
    Guard(
        name="an error that is told twice",
        file="otel_sqlite/store/batch.py",
        code='_KEEP_ERROR: Final = "ON CONFLICT (trace_id, span_id, event_ns, nth) DO NOTHING"',
        without='_KEEP_ERROR: Final = "ON CONFLICT (trace_id, span_id, event_ns, nth) DO UPDATE SET nth = nth + 1"',
        test="tests/otel_sqlite/store/test_writer.py",
    ),
    # Forgetting, shrinking, repairing
    Guard(
        name="a journal shrinks only when all of it is applied",
        file="otel_sqlite/journal.py",
        code="            if self.end != end or self._waiting or size < self._shrink_at:",
        without="            if self._waiting or size < self._shrink_at:",
        test="tests/otel_sqlite/test_journal.py",
    ),
    Guard(
        name="what comes while a journal shrinks",
        file="otel_sqlite/journal.py",
        code="            tail = os.pread(self._descriptor, self.end - end, size)  # appended meanwhile",
        without='            tail = b""',
        test="tests/otel_sqlite/test_journal.py",
    ),
    Guard(
        name="the boot of another machine",
        file="otel_sqlite/applier.py",
        code="    if header.host != journals.host():  # another machine's boots and kernel say nothing here",
        without="    if False:",
        test="tests/otel_sqlite/test_applier.py",
    ),
    Guard(
        name="the last completed run of a pipeline",
        file="otel_sqlite/store/retention.py",
        code="newer.pipeline = runs.pipeline AND newer.started_at > runs.started_at\n",
        without="newer.pipeline = runs.pipeline\n",
        test="tests/otel_sqlite/store/test_retention.py",
    ),
    Guard(
        name="recovering takes no lease for its own",
        file="otel_sqlite/applier.py",
        code="        with writer.recovery(timeout_s):",
        without="        if True:",
        test=_JOURNALS + "test_a_dead_run_is_never_shown_as_running_because_another_process_reads_its_journal",
    ),
    Guard(
        name="a repair that was cut short",
        file="otel_sqlite/store/repair.py",
        code="            _undo_cut_short(path)\n",
        without="",
        test="tests/otel_sqlite/store/test_repair.py",
    ),
    Guard(
        name="what a repair may touch",
        file="otel_sqlite/store/repair.py",
        code="        if not faults(path, is_full=True):",
        without="        if False:",
        test="tests/otel_sqlite/store/test_repair.py",
    ),
    Guard(
        name="item errors beyond ten thousand",
        file="otel_sqlite/instrument.py",
        code="KEPT_ITEM_ERRORS: Final = 10_000",
        without="KEPT_ITEM_ERRORS: Final = 10_000_000",
        test="tests/faults/test_values.py::test_more_are_counted_and_said_and_take_no_memory",
    ),
    Guard(
        name="those who still hold a forgotten item",
        file="otel_sqlite/forget.py",
        code="    holders = _holders(path, items)",
        without="    holders: list[Holder] = []",
        test="tests/otel_sqlite/cli/test_keeping.py",
    ),
)
