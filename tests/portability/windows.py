"""Makes this Python, on Linux, as much like one on Windows as it gets: run before pbtune is imported.

It takes away what Windows's Python doesn't have, gives what only Windows's has, and changes what
behaves otherwise there: files that are open can't be moved or deleted, a rename replaces nothing,
files are opened for text unless one says otherwise, signal 0 is Ctrl-C. Windows's own calls are
answered by those of Linux that do the same.
"""

import array
import asyncio
import contextlib
import ctypes
import ctypes.wintypes
import errno
import fcntl
import hashlib
import logging
import mmap
import multiprocessing
import os
import pathlib
import platform
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import types
import uuid

PRELUDE = __file__
platform.uname()
kill, killpg, waitpid = os.kill, os.killpg, os.waitpid
open_, close, read, write = os.open, os.close, os.read, os.write
rename, unlink, fsync = os.rename, os.unlink, os.fsync
poll, set_blocking = select.poll, os.set_blocking
POLLIN, POLLHUP = select.POLLIN, select.POLLHUP
AF_UNIX, send_fds, recv_fds = socket.AF_UNIX, socket.send_fds, socket.recv_fds
signal_, SIGKILL = signal.signal, signal.SIGKILL
Popen = subprocess.Popen
O_BINARY = 0x8000
F_OFD_SETLK = 37

MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty")
NAMES = {
    os: [
        *("chown", "copy_file_range", "fork", "forkpty", "getegid", "geteuid", "getgid"),
        *("getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "killpg"),
        *("memfd_create", "mkfifo", "nice", "pidfd_open", "posix_spawn", "sched_getaffinity"),
        *("sched_setaffinity", "sendfile", "set_blocking", "setpgid", "setsid", "statvfs"),
        *("sysconf", "uname", "wait", "wait3", "wait4", "waitid", "WNOHANG", "P_PID", "P_ALL"),
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "pread", "pwrite"),
    ],
    select: ["POLLIN", "epoll", "poll"],
    signal: [
        *("ITIMER_REAL", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE"),
        *("SIGSTOP", "SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_kill", "setitimer"),
    ],
    socket: ["AF_UNIX", "MSG_DONTWAIT", "SCM_RIGHTS", "recv_fds", "send_fds"],
}


def denied(path):
    return PermissionError(errno.EACCES, "The process cannot access the file", str(path))


def is_open(path):
    """Whether this process has a path open, or a file in it."""
    real = os.path.realpath(path)
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            held = os.readlink(f"/proc/self/fd/{fd}")
            # A folder that is being listed can be moved away from there.
            if (held == real or held.startswith(f"{real}/")) and os.path.isfile(held):
                return True
    return False


def windows_rename(source, target, **_options):
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "Cannot create a file that exists", str(target))
    if is_open(source):
        raise denied(source)
    rename(source, target)


def windows_replace(source, target, **_options):
    if is_open(source) or is_open(target):
        raise denied(source)
    rename(source, target)


def windows_unlink(path, *, dir_fd=None):
    if dir_fd is None and (is_open(path) or not os.stat(path).st_mode & 0o200):
        raise denied(path)
    unlink(path, dir_fd=dir_fd)


def windows_fsync(fd):
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    fsync(fd)


texts = set()


def windows_open(path, flags, mode=0o777, *, dir_fd=None):
    if os.path.isdir(path):
        raise denied(path)
    fd = open_(path, flags, mode, dir_fd=dir_fd)
    (texts.discard if flags & O_BINARY else texts.add)(fd)
    return fd


def windows_read(fd, size):
    data = read(fd, size)
    assert fd not in texts or b"\r" not in data, "a file that was opened for text"
    return data


def windows_write(fd, data):
    assert fd not in texts or b"\n" not in bytes(data), "a file that was opened for text"
    return write(fd, data)


def windows_close(fd):
    texts.discard(fd)
    close(fd)


def windows_kill(pid, number):
    assert number in {signal.SIGTERM, 9}, "os.kill ends a process, or sends Ctrl-C to its console"
    kill(pid, SIGKILL)


def windows_signal(number, handler):
    if number not in {2, 4, 6, 8, 11, 15, 21}:
        message = "invalid signal value"
        raise ValueError(message)
    return signal_(number, handler)


def share(self, pid):
    """Hand a socket to whoever comes for it: what the kernel does there takes a door here."""
    assert os.path.exists(f"/proc/{pid}")
    name = f"\0pbtune-{secrets.token_hex(8)}"
    door = socket.socket(AF_UNIX)
    door.bind(name)
    door.listen()
    own = self.dup()

    def hand_over():
        with door, own, door.accept()[0] as visitor:
            send_fds(visitor, [b"."], [own.fileno()])

    threading.Thread(target=hand_over, daemon=True).start()
    return name.encode()


def fromshare(name):
    with socket.socket(AF_UNIX) as visitor:
        visitor.connect(name.decode())
        _, (fd,), _, _ = recv_fds(visitor, 1, 1)
    return socket.socket(fileno=fd)


def socketpair():
    """As the standard library makes one where the system has none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        return server.accept()[0], ours


class WindowsPopen(Popen):
    """``creationflags`` as a process group, and this file before what a worker runs."""

    def __init__(self, args, *, creationflags=0, pass_fds=(), start_new_session=False, **options):
        assert not pass_fds, "Windows passes no descriptors"
        assert not start_new_session, "Windows has no sessions"
        if list(args[1:3]) == ["-I", "-c"]:
            args = [
                *args[:3],
                f"exec(open({PRELUDE!r}).read(), {{'__file__': {PRELUDE!r}}}); {args[3]}",
            ]
        super().__init__(args, start_new_session=creationflags == 0x08000200, **options)
        self._handle = self.pid


class Function:
    """One of the kernel's: its types can be set, as ctypes allows."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *arguments):
        return self.call(*arguments)


class Kernel:
    """kernel32: what is called of it, by what Linux has."""

    jobs: dict = {}

    def __init__(self, name, **_options):
        assert name == "kernel32"
        for call in vars(Kernel):
            if call[0].isupper():
                setattr(self, call, Function(getattr(self, call)))

    def CreatePipe(self, for_reading, for_writing, _attributes, size):
        for_reading._obj.value, for_writing._obj.value = os.pipe()
        fcntl.fcntl(for_reading._obj.value, 1031, size)
        return 1

    def PeekNamedPipe(self, handle, _buffer, _size, _read, available, _left):
        count = array.array("i", [0])
        fcntl.ioctl(handle, termios.FIONREAD, count)
        available._obj.value = count[0]
        watch = poll()
        watch.register(handle, POLLIN)
        has_ended = any(event & POLLHUP for _, event in watch.poll(0))
        return int(count[0] > 0 or not has_ended)

    def CreateJobObjectW(self, _attributes, _name):
        self.jobs[len(self.jobs) + 1] = None
        return len(self.jobs)

    def SetInformationJobObject(self, job, kind, limits, size):
        assert (kind, size) == (9, 144), "JOBOBJECT_EXTENDED_LIMIT_INFORMATION on 64 bits"
        assert limits._obj.BasicLimitInformation.LimitFlags == 0x2000
        assert ctypes.string_at(ctypes.addressof(limits._obj) + 16, 4) == b"\x00\x20\x00\x00"
        return int(job in self.jobs)

    def AssignProcessToJobObject(self, job, handle):
        self.jobs[job] = handle
        return 1

    def TerminateJobObject(self, job, _code):
        with contextlib.suppress(ProcessLookupError):
            killpg(self.jobs[job], SIGKILL)
        return 1

    def CloseHandle(self, handle):
        group = self.jobs.pop(handle, None)
        if group is not None:
            with contextlib.suppress(ProcessLookupError):
                killpg(group, SIGKILL)
        return 1

    def OpenProcess(self, _access, _inherit, pid):
        try:
            kill(pid, 0)
        except ProcessLookupError:
            return 0
        return pid

    def WaitForSingleObject(self, _handle, _timeout_ms):
        return 0x102

    def GlobalMemoryStatusEx(self, status):
        assert status._obj.dwLength == 64
        status._obj.ullTotalPhys = 1 << 34
        return 1


def locking(fd, mode, count):
    assert mode == 2
    at = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        # struct flock; of the open file, since a process's own go when it closes another of it.
        wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, at, count, 0)
        fcntl.fcntl(fd, F_OFD_SETLK, wanted)
    except OSError as error:
        raise OSError(errno.EDEADLK, "Resource deadlock avoided") from error


for module, names in NAMES.items():
    for each in names:
        if hasattr(module, each):
            delattr(module, each)
for name in MODULES:
    sys.modules[name] = None
os.O_BINARY = O_BINARY
os.supports_dir_fd = set()
shutil._use_fd_functions = False
os.open, os.close, os.read, os.write = windows_open, windows_close, windows_read, windows_write
os.rename, os.replace = windows_rename, windows_replace
os.unlink = os.remove = windows_unlink
os.fsync, os.kill = windows_fsync, windows_kill
signal.signal, signal.SIGBREAK = windows_signal, signal.Signals(21)
socket.socketpair = socketpair
socket.socket.share, socket.fromshare = share, fromshare
subprocess.Popen = WindowsPopen
subprocess.CREATE_NEW_PROCESS_GROUP, subprocess.CREATE_NO_WINDOW = 0x200, 0x08000000
ctypes.WinDLL = Kernel
ctypes.get_last_error = lambda: 0
ctypes.WinError = lambda code=0: OSError(code, "WinError")
msvcrt = types.ModuleType("msvcrt")
msvcrt.get_osfhandle = lambda fd: fd
msvcrt.open_osfhandle = lambda handle, flags: (texts.discard(handle), handle)[1]
msvcrt.setmode = lambda fd, flags: texts.discard(fd)
msvcrt.locking, msvcrt.LK_NBLCK = locking, 2
sys.modules["msvcrt"] = msvcrt
sys.platform = "win32"
