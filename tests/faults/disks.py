"""Small disks that can be filled."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MIB = 1024 * 1024
_MAKE = {
    "ext4-1k": (64, ["mkfs.ext4", "-q", "-F", "-b", "1024"]),
    "ext4-4k": (64, ["mkfs.ext4", "-q", "-F", "-b", "4096"]),
    "btrfs": (128, ["mkfs.btrfs", "-q"]),
}
_TMPFS_MIB = 64

KINDS = ("tmpfs", *_MAKE)


@contextmanager
def mounted(kind: str, folder: Path) -> Iterator[Path]:
    """A disk of its own, in a folder of ``folder``; unmounted at the end."""
    disk, image = folder / "disk", folder / "image"
    disk.mkdir()
    if kind == "tmpfs":
        source = ["-t", "tmpfs", "-o", f"size={_TMPFS_MIB}m", "none"]
    else:
        size_mib, command = _MAKE[kind]
        image.touch()
        os.truncate(image, size_mib * _MIB)
        subprocess.run([*command, str(image)], check=True, capture_output=True)
        source = ["-o", "loop", str(image)]
    subprocess.run(["mount", *source, str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # lazy: a test that failed may have left a process there
        image.unlink(missing_ok=True)


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Take all the space there is but some bytes; gives what to delete to have it again."""
    filler = disk / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        chunk, size = 16 * _MIB, 0
        while chunk >= 512:
            try:
                os.posix_fallocate(descriptor, size, chunk)
                size += chunk
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                chunk //= 2
        with suppress(OSError):  # what the file system rounds
            while os.pwrite(descriptor, b"\0" * 512, size):
                size += 512
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - leaving)
    finally:
        os.close(descriptor)
    os.sync()
    return filler
