"""What the kernel says of a death."""

import os
import time

import pytest

from otel_sqlite import death


@pytest.fixture
def kernel_log(tmp_path, monkeypatch):
    """The kernel's log says that process 4711 was killed, so many seconds after the machine was started."""
    death._kernel_kills.cache_clear()
    log = tmp_path / "kmsg"
    monkeypatch.setattr(death, "_KERNEL_LOG", str(log))

    def say(after_s):
        log.write_text(f"6,99,{int(after_s * 1e6)},-;Memory cgroup out of memory: Killed process 4711 (python) total-vm:1kB\n")
        return time.time_ns() - time.monotonic_ns() + int(after_s * 1e9)

    yield say
    death._kernel_kills.cache_clear()


def test_the_kernel_log_names_whom_it_killed(kernel_log):
    killed_ns = kernel_log(1000)
    assert death.out_of_memory(4711, killed_ns, None) == "out of memory: the kernel killed it, says the kernel's log"


def test_another_process_was_not_killed(kernel_log):
    assert death.out_of_memory(4712, kernel_log(1000), None) is None


def test_a_process_of_the_same_number_that_lived_at_another_time_was_not_killed(kernel_log):
    assert death.out_of_memory(4711, kernel_log(1000) - 3600 * 10**9, None) is None


def test_a_log_that_may_not_be_read_says_nothing(kernel_log):
    assert death.out_of_memory(4711, time.time_ns(), None) is None


@pytest.mark.parametrize("text", ["", "oom_kill many", "low 0\n", "\xff"])
def test_a_count_that_cannot_be_read_says_nothing(tmp_path, kernel_log, text):
    file = tmp_path / "memory.events"
    file.write_text(text)
    assert death.out_of_memory(1, 0, death.MemoryGroup(str(file), 0)) is None
    assert death.out_of_memory(1, 0, death.MemoryGroup(str(tmp_path / "gone"), 0)) is None


@pytest.mark.parametrize(
    ("membership", "count", "found"),
    [
        ("5:cpuset:/a\n4:cpu,memory:/a/b\n0::/a\n", "memory/a/b/memory.oom_control", "memory/a/b/memory.oom_control"),
        ("0::/user.slice/cron\n", "user.slice/cron/memory.events", "user.slice/cron/memory.events"),
        ("4:memory:/docker/abc\n", "memory/memory.oom_control", "memory/memory.oom_control"),
        ("0::/\n", "cgroup.procs", None),
    ],
)
def test_the_group_of_a_process_is_found_in_both_hierarchies(tmp_path, monkeypatch, membership, count, found):
    file = tmp_path / count
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("oom_kill 2\n")
    (tmp_path / "membership").write_text(membership)
    monkeypatch.setattr(death, "_CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(death, "_MEMBERSHIP", tmp_path / "membership")
    death._group_file.cache_clear()
    try:
        assert death.memory_group() == (found and (str(tmp_path / found), 2))
    finally:
        death._group_file.cache_clear()


def test_a_machine_that_says_nothing_of_groups_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(death, "_MEMBERSHIP", tmp_path / "missing")
    death._group_file.cache_clear()
    try:
        assert death.memory_group() is None
    finally:
        death._group_file.cache_clear()


def test_asking_again_within_a_second_does_not_read_the_log_again(kernel_log):
    kernel_log(1000)
    death._kernel_kills(1)
    os.remove(death._KERNEL_LOG)  # noqa: PTH107 - a text, as the module has it
    assert death._kernel_kills(1)
    assert not death._kernel_kills(2)
