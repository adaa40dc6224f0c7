"""What a hostile student runs, for tests and measurements: in Perl, which Debian has everywhere."""

import shlex

# Prints each ``ADDRESS/PORT`` of its arguments that takes a TCP connection within ten seconds.
REACH = r"""
use Socket; use Fcntl; use Errno;
my %waiting;
for my $target (@ARGV) {
    my ($address, $port) = split "/", $target;
    socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    fcntl($s, F_SETFL, O_NONBLOCK);
    if (connect($s, sockaddr_in($port, inet_aton($address)))) { print "$target\n"; }
    elsif ($!{EINPROGRESS}) { $waiting{fileno $s} = [$s, $target]; }
}
my $end = time + 10;
while (%waiting and time < $end) {
    my $all = ""; vec($all, $_, 1) = 1 for keys %waiting;
    select(undef, my $ready = $all, undef, 1);
    for (grep { vec($ready, $_, 1) } keys %waiting) {
        my ($s, $target) = @{delete $waiting{$_}};
        print "$target\n" unless unpack "i", getsockopt($s, SOL_SOCKET, SO_ERROR);
    }
}
"""
# Listens at ``ADDRESS PORT``, and takes no connection: the kernel makes them all the same.
LISTEN = r"""
use Socket;
my ($address, $port) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($port, inet_aton($address))) or die "bind: $!\n";
listen($s, 1000); $| = 1; print "listening\n"; sleep 3600;
"""
# Holds as many connections to ``ADDRESS PORT`` as its third argument says, as far as they are taken.
HOLD = r"""
use Socket;
my ($address, $port, $number) = @ARGV;
my @held = map { socket(my $s, PF_INET, SOCK_STREAM, 0); $s } 1 .. $number;
connect($_, sockaddr_in($port, inet_aton($address))) for @held;
$| = 1; print "listening\n"; sleep 3600;
"""
# Prints the words that arrive at a UDP port, until the last one, which is its second argument.
HEAR_UDP = r"""
use Socket;
my ($port, $last) = @ARGV;
socket(my $s, PF_INET, SOCK_DGRAM, 0);
bind($s, sockaddr_in($port, INADDR_ANY)) or die "bind: $!\n";
$| = 1; print "listening\n";
while (recv($s, my $word, 100, 0)) { print "$word\n"; last if $word eq $last; }
"""
# Sends a word to the UDP ports ``ADDRESS/PORT``.
SEND_UDP = r"""
use Socket;
my $word = shift;
socket(my $s, PF_INET, SOCK_DGRAM, 0);
for (@ARGV) { my ($address, $port) = split "/"; send($s, $word, 0, sockaddr_in($port, inet_aton($address))); }
"""
# Asks by DHCP for an address, with the MAC address of its argument, and prints what it is offered (RFC 2131).
DHCP = r"""
use Socket;
my $mac = pack "H12", shift =~ tr/://dr;
socket(my $s, PF_INET, SOCK_DGRAM, 0);
setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1);
bind($s, sockaddr_in(68, INADDR_ANY)) or die "bind: $!\n";
alarm 60;
my $discover = pack("CCCCNnnx16", 1, 1, 6, 0, 4711, 0, 0x8000) . $mac . "\0" x 202;
send($s, $discover . pack("NCCCC", 0x63825363, 53, 1, 1, 255), 0, sockaddr_in(67, INADDR_BROADCAST));
recv($s, my $offer, 1500, 0);
print inet_ntoa(substr $offer, 16, 4), "\n";
"""
# Asks a DNS server for the address of a name, and prints the number of the question that it answers.
DNS = r"""
use Socket;
my ($server, $name) = @ARGV;
socket(my $s, PF_INET, SOCK_DGRAM, 0);
alarm 60;
my $question = join "", map { pack "C/a*", $_ } split /\./, $name;
my $query = pack("nnnnnn", 4711, 256, 1, 0, 0, 0) . $question . pack("Cnn", 0, 1, 1);
send($s, $query, 0, sockaddr_in(53, inet_aton($server)));
recv($s, my $answer, 1500, 0);
print unpack("n", $answer), "\n";
"""
# Fills the home folder, and empties it.
FILL = "head -c 1G /dev/zero >~/full 2>/dev/null; rm -f ~/full"
# Forks until nothing more can be forked, and prints how many processes it got.
FORK = r"""
my @children;
while (@children < 5000) {
    my $child = fork;
    last unless defined $child;
    unless ($child) { sleep 60; exit }
    push @children, $child;
}
print scalar(@children), "\n"; kill "KILL", @children;
"""
# Takes memory until it is killed.
EAT = r"""my @all; while (1) { push @all, "x" x 1048576 }"""
# Prints how many inotify instances it gets, of 5000, and keeps them for some seconds: inotify_init(2).
INOTIFY = (
    r"""my $n = 0; for (1 .. 5000) { last if syscall(253) < 0; $n++ } $| = 1; print "$n\n"; sleep shift;"""
)
# Prints how many pseudo-terminals it gets, of 5000, and keeps them for some seconds: pts(4).
TERMINALS = r"""
my @all;
while (@all < 5000) { open my $terminal, "+<", "/dev/ptmx" or last; push @all, $terminal }
$| = 1; print scalar(@all), "\n"; sleep shift;
"""
# Prints how many files it can open, of 100000.
OPEN = r"""
my @all;
while (@all < 100000) { open my $file, "<", "/etc/hostname" or last; push @all, $file }
print scalar(@all), "\n";
"""
# Prints how many signals can wait for it, of 200000, and keeps them for some seconds: rt_sigqueueinfo(2).
SIGNALS = r"""
use POSIX;
my $number = 40; sigprocmask(SIG_BLOCK, POSIX::SigSet->new($number));
my $info = pack("iiix4ii", $number, 0, -1, $$, $<) . "\0" x 104;
my $n = 0; for (1 .. 200000) { last if syscall(129, $$, $number, $info) < 0; $n++ }
$| = 1; print "$n\n"; sleep shift;
"""
# Makes system calls by number, each with the number of its argument, and prints which of them worked.
CALLS = r"""
use Errno;
my $wide = 1 << 32;
my %calls = (
    mount => [165, 0, 0, 0, 0, 0], unshare_user => [272, 0x10000000], pivot_root => [155, 0, 0],
    setns => [308, 0, 0], keyctl => [250, 0, -3, 0], add_key => [248, 0, 0, 0, 0, 0], bpf => [321, 0, 0, 0],
    perf => [298, 0, 0, 0, 0, 0], init_module => [175, 0, 0, 0], reboot => [169, 0, 0, 0],
    swapon => [167, 0, 0], io_setup => [206, 1, 0], io_uring => [425, 1, 0],
    netlink => [41, 16, 3, 0], netlink_user => [41, 16, 3, 2], wide_netlink => [41, $wide | 16, 3, 2],
    can => [41, 29, 3, 1], tipc => [41, 30, 2, 0], vsock => [41, 40, 1, 0], alg => [41, 38, 5, 0],
    bluetooth => [41, 31, 3, 1], packet => [41, 2, 10, 0], udplite => [41, 2, 2, 136],
    sctp => [41, 2, 1, 132], dccp => [41, 2, 6, 0], mptcp => [41, 10, 1, 262], pair_tipc => [53, 30, 2, 0, 0],
    record_lock => [72, 1, 6, 0], waiting_lock => [72, 1, 7, 0], file_lock => [72, 1, 37, 0],
    waiting_file_lock => [72, 1, 38, 0], wide_lock => [72, 1, $wide | 6, 0], lease => [72, 1, 1024, 0],
    discipline => [16, -1, 0x5423, 0], wide_discipline => [16, -1, $wide | 0x5423, 0],
    vlan => [16, -1, 0x8982, 0], bridge => [16, -1, 0x8940, 0], wide_vlan => [16, -1, $wide | 0x8982, 0],
    listener => [317, 1, 8, 0], tcp_key => [54, -1, 6, 14, 0, 0], multicast => [54, -1, 0, 35, 0, 0],
    wide_tcp_key => [54, -1, 6, $wide | 14, 0, 0], multicast_6 => [54, -1, 41, 20, 0, 0],
    filter => [54, -1, 1, 26, 0, 0], reuseport_filter => [54, -1, 1, 51, 0, 0],
    wide_filter => [54, -1, $wide | 1, 26, 0, 0],
);
for my $name (sort keys %calls) {
    my ($number, @arguments) = @{$calls{$name}};
    $! = 0; my $result = syscall($number, @arguments);
    print "$name\n" if $result >= 0 or $!{EFAULT} or $!{EINVAL} or $!{EBADF};
}
"""
# Computes for as many seconds as its argument says, in eight processes.
HOG = (
    r"""my $end = time + shift; for (1 .. 8) { next if fork; 1 while time < $end; exit } 1 while wait > 0;"""
)
# Asks Docker's DNS server for names that nobody has, for as many seconds as its argument says.
NAMES = r"""
use Socket;
my $end = time + shift;
for (1 .. 4) {
    next if fork;
    srand $$; socket(my $s, PF_INET, SOCK_DGRAM, 0);
    while (time < $end) {
        my $query = pack("nnnnnn C/a* C/a* Cnn", 4711, 256, 1, 0, 0, 0, int rand 1e9, "invalid", 0, 1, 1);
        send($s, $query, 0, sockaddr_in(53, inet_aton("127.0.0.11")));
        select undef, undef, undef, 0.00005;
    }
    exit;
}
1 while wait > 0;
"""
# Runs a file of no known format again and again, for the seconds of its argument.
UNKNOWN = r"""
my $end = time + shift;
my $file = "$ENV{HOME}/unknown"; my $none = pack("Q", 0);
open(my $f, ">", $file) or die "open: $!\n"; print $f "\177\1\2\3"; close $f; chmod 0755, $file;
$| = 1; print "running\n";
for (1 .. 60) { next if fork; while (time < $end) { syscall(59, $file, $none, $none) } exit }
1 while wait > 0;
"""
# Prints what dockerd then writes to the container's log.
PRINT = "yes >/proc/1/fd/1"


def perl(program: str, *arguments: object, root: bool = False) -> str:
    """Return the shell command that runs a program with arguments.

    :param program: the program's text.
    :param *arguments: its arguments.
    :param root: whether root runs it, as who may use sudo.
    :return: the command.
    """
    words = [*(["sudo", "--non-interactive"] if root else []), "perl", "-e", program, *map(str, arguments)]
    return shlex.join(words)


def in_background(command: str, output: str) -> str:
    """Return the shell command that starts a listener, and waits until it listens.

    :param command: what starts it; it prints ``listening`` first.
    :param output: a file for what it prints.
    :return: the command.
    """
    return (
        f"nohup {command} >{output} 2>&1 </dev/null & "
        f"for _ in $(seq 300); do ! grep -q listening {output} || exit 0; sleep 0.2; done; "
        f"cat {output} >&2; exit 1"
    )
