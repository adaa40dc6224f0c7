"""The seccomp profile of students' containers: which system calls they may make. No I/O."""

import errno
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

# By what they are about, the system calls of x86-64 that need no privilege and whose memory is counted as the
# container's: syscalls(2). One that a later kernel has is refused until it is written here.
_FILES = """
access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
fallocate fchdir fchmod fchmodat fchown fchownat fdatasync fgetxattr flistxattr flock fremovexattr
fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr lchown lgetxattr link
linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat newfstatat open
openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
removexattr rename renameat renameat2 rmdir sendfile setxattr stat statfs statx symlink symlinkat sync
sync_file_range syncfs truncate umask unlink unlinkat utime utimensat utimes write writev
"""
_PROCESSES = """
alarm arch_prctl capget capset execve execveat exit exit_group fork futex futex_waitv get_robust_list getcpu
getegid geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getresgid getresuid
getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self pause pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease
ptrace restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_tid_address setfsgid
setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid
setuid sigaltstack sysinfo tgkill times tkill uname vfork wait4 waitid
"""
_MEMORY = """
brk madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock
munlockall munmap
"""
_MESSAGES = """
accept accept4 bind connect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd
eventfd2 getpeername getsockname getsockopt inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
listen mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd pipe
pipe2 poll ppoll pselect6 recvfrom recvmmsg recvmsg select semctl semget semop semtimedop sendmmsg sendmsg
sendto shmat shmctl shmdt shmget shutdown signalfd signalfd4 splice tee vmsplice
"""
_TIME = """
clock_getres clock_gettime clock_nanosleep getrandom gettimeofday nanosleep time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
"""
# linux/sched.h: all flags that ask for a new namespace.
_CLONE_NEW = 0x7E020000
_UNIX, _INET, _INET6 = 1, 2, 10
_STREAM, _DATAGRAM, _KINDS = 1, 2, 0xF
_TCP, _UDP = 6, 17
_SOCKET_OPTIONS, _SO_ATTACH_FILTER = 1, 26
# By level, what setsockopt(2) sets as a number in the socket. Others make the kernel remember a list (keys of
# TCP_MD5SIG, groups of multicast, headers) or load a module.
_OPTIONS = {
    _SOCKET_OPTIONS: (29, 35, 42, 47, 49, 60),
    # ip(7): TOS to TTL, PKTINFO, MTU_DISCOVER to RECVTOS, FREEBIND, BIND_ADDRESS_NO_PORT, those of sending.
    0: (1, 2, 8, 10, 11, 12, 13, 15, 24, 32, 33, 34),
    # tcp(7): NODELAY to WINDOW_CLAMP, QUICKACK, USER_TIMEOUT, FASTOPEN, TIMESTAMP to FASTOPEN_CONNECT, INQ.
    _TCP: (*range(1, 11), 12, 18, 23, 24, 25, 30, 36),
    # udp(7): CORK, SEGMENT, GRO.
    _UDP: (1, 103, 104),
    # ipv6(7): what ip(7) has, and V6ONLY, RECVERR, RECVPKTINFO, DONTFRAG, TCLASS.
    41: (16, 17, 18, 19, 23, 24, 25, 26, 49, 51, 62, 66, 67),
}
# ioctl_tty(2): this byte is in all commands of terminals, such as TIOCSETD, and in common ones of files.
_OF_TERMINALS, _TIOCSETD, _TYPE = 0x5400, 0x23, 0xFF00
# ioctl_ficlone(2), ioctl_iflags(2), fiemap; netdevice(7) and socket(7): the questions that need no privilege.
_IOCTL = (
    *(0x40049409, 0x4020940D, 0x80086601, 0xC020660B),
    *(0x8905, 0x8906, 0x8907, 0x8910, 0x8912, 0x8913, 0x8915, 0x8919, 0x891B, 0x8921, 0x8927, 0x8933),
)
_COMMAND = 0xFFFFFFFF
# seccomp(2): the descriptor keeps the filters of a thread that has ended.
_NEW_LISTENER = 0x8
# fcntl(2): all commands but leases, notices of folders, and record locks, of which one question stays.
_FCNTL = (0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 15, 16, *range(1030, 1037))
_RECORD_LOCKS, _F_OFD_GETLK = (6, 7, 37, 38), 36
_PERSONALITIES = (0, 0xFFFFFFFF)

Rule = dict[str, Any]


def _rules() -> Iterator[Rule]:
    """Yield what Docker calls syscalls. Where none fits a call, it fails with EPERM."""
    yield _allow(" ".join((_FILES, _PROCESSES, _MEMORY, _MESSAGES, _TIME)))
    yield _allow("clone", _masked(0, _CLONE_NEW, 0))
    # Its flags are in memory, where no filter sees them; the C library then calls clone.
    yield _refuse(errno.ENOSYS, "clone3")
    yield from (_allow("personality", _equal(0, persona)) for persona in _PERSONALITIES)
    yield _allow("seccomp", _masked(1, _NEW_LISTENER, 0))
    yield from _sockets()
    yield _allow("setsockopt", _equal(1, _SOCKET_OPTIONS), _compared(2, "LT", _SO_ATTACH_FILTER))
    for level, options in _OPTIONS.items():
        yield from (_allow("setsockopt", _equal(1, level), _equal(2, option)) for option in options)
    yield from (_allow("fcntl", _equal(1, command)) for command in _FCNTL)
    # What the kernel remembers of them, no control group counts; those of flock(2) are bounded by open files.
    yield from (_refuse(errno.ENOLCK, "fcntl", _equal(1, command)) for command in _RECORD_LOCKS)
    # By this QEMU asks whether the kernel has the newer ones. Told that it has not, it does without.
    yield _refuse(errno.EINVAL, "fcntl", _equal(1, _F_OFD_GETLK))
    yield from _device_commands()


def _sockets() -> Iterator[Rule]:
    """Yield the sockets that need no module, and whose memory is the container's."""
    for call in ("socket", "socketpair"):
        yield _allow(call, _equal(0, _UNIX))
    for family in (_INET, _INET6):
        for kind, protocol in ((_STREAM, _TCP), (_DATAGRAM, _UDP)):
            for wanted in (0, protocol):
                yield _allow("socket", _equal(0, family), _masked(1, _KINDS, kind), _equal(2, wanted))
    # Programs take this for a kernel without netlink, without the audit system, without …
    yield _refuse(errno.EAFNOSUPPORT, "socket", _compared(0, "GT", _INET6))


def _device_commands() -> Iterator[Rule]:
    """Yield the commands of ioctl(2) that load no module.

    Questions about VLANs and bridges load one, and so does setting a terminal's line discipline (TIOCSETD).
    """
    yield from (_allow("ioctl", _masked(1, _COMMAND, command)) for command in _IOCTL)
    # One bit that differs makes it another command.
    for bit in (1 << number for number in range(8)):
        yield _allow("ioctl", _masked(1, _TYPE | bit, _OF_TERMINALS | (~_TIOCSETD & bit)))


def _allow(names: str, *arguments: Rule) -> Rule:
    """Return the rule that these calls are made, where their arguments are as compared."""
    return {"names": names.split(), "action": "SCMP_ACT_ALLOW", "args": arguments}


def _refuse(error: int, names: str, *arguments: Rule) -> Rule:
    """Return the rule that these calls fail with an error."""
    return {**_allow(names, *arguments), "action": "SCMP_ACT_ERRNO", "errnoRet": error}


def _equal(index: int, value: int) -> Rule:
    return _compared(index, "EQ", value)


def _masked(index: int, mask: int, value: int) -> Rule:
    return {**_compared(index, "MASKED_EQ", mask), "valueTwo": value}


def _compared(index: int, operator: str, value: int) -> Rule:
    """Return the comparison of an argument with a value, all 64 bits of it: seccomp_rule_add(3)."""
    return {"index": index, "value": value, "op": f"SCMP_CMP_{operator}"}


PROFILE = json.dumps(
    {
        "defaultAction": "SCMP_ACT_ERRNO",
        # Whoever makes a call as programs of 32 bits do is killed.
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [*_rules()],
    },
    separators=(",", ":"),
)
"""The profile, as Docker reads it and as it inspects a container that has it."""
PROFILE_NAME = f"seccomp-{sha256(PROFILE.encode()).hexdigest()[:12]}.json"
"""The name of its file, which changes with its content: so a container with another profile is made anew."""
