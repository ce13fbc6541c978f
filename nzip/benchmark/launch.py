"""Run one command and report its CPU time, wall time and peak memory: ``launch.py REPORT IN OUT COMMAND...``.

A process of its own, started with ``python -I -S`` and importing next to nothing, because Linux counts the
parent's memory at the fork into the child's ``ru_maxrss``: what starts a 2 MB gzip must be small itself.
Peaks below this launcher's own size (about 10 MB) are read from VmHWM while the command runs instead, so they
may miss what it took in its last few milliseconds. IN and OUT redirect standard input and output; ``-`` is
/dev/null. REPORT gets one line: status, cpu seconds, wall seconds, peak bytes.

Concession: a command that is small and over in a moment, or small on a system without /proc, has peak 0:
unknown, but less than the launcher.
"""

import os
import signal
import sys
import time

# Where /proc cannot tell: what an interpreter that has imported nothing takes, bytes.
OWN_SIZE = 10_000_000
# A command shorter than this may have ended before its size could be read, seconds.
MOMENT = 0.05


def own_peak() -> int:
    """Peak memory of this very process, in bytes; 0 where /proc is missing."""
    return high_water("self")


def high_water(pid) -> int:
    """VmHWM of a running process in bytes, 0 where it cannot be read."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def main(report: str, source: str, target: str, *command: str) -> None:
    """Run, wait, write the report."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull if source == "-" else source, os.O_RDONLY, 0),
        (
            os.POSIX_SPAWN_OPEN,
            1,
            os.devnull if target == "-" else target,
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
            0o600,
        ),
    ]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions, setsigmask=[])
    seen, pause = 0, 0.002
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        wall = time.perf_counter() - begin
        if done:
            break
        seen = max(seen, high_water(pid))
        if hasattr(signal, "sigtimedwait"):
            signal.sigtimedwait({signal.SIGCHLD}, pause)  # wakes at once when the child ends
        else:
            time.sleep(0.002)
        pause = min(pause * 1.5, 0.1)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if peak <= max(own_peak(), OWN_SIZE) * 1.05:
        peak = seen if wall > MOMENT else 0
    with open(report, "w") as out:
        out.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime} {wall} {peak}")


if __name__ == "__main__":
    main(*sys.argv[1:])
