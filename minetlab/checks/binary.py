"""A program for x86_64 that needs nothing but a Linux kernel: it adds 20 and 22, and prints the sum (C03).

It is the same file on whatever processor it runs: this module writes it out, byte by byte.
"""

import base64
import struct
from hashlib import sha256

# Each instruction as in the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
_CODE = bytes.fromhex(
    "b814000000"  # mov  eax, 20
    "83c016"  # add  eax, 22
    "b90a000000"  # mov  ecx, 10
    "31d2"  # xor  edx, edx
    "f7f1"  # div  ecx            the tens to eax, the rest to edx
    "8d4030"  # lea  eax, [rax+'0']
    "8d5230"  # lea  edx, [rdx+'0']
    "884424f8"  # mov  [rsp-8], al
    "885424f9"  # mov  [rsp-7], dl
    "c64424fa0a"  # mov  byte [rsp-6], '\n'
    "b801000000"  # mov  eax, 1         write(2): its number, as in syscall_64.tbl of Linux
    "bf01000000"  # mov  edi, 1         to standard output
    "488d7424f8"  # lea  rsi, [rsp-8]
    "ba03000000"  # mov  edx, 3         bytes
    "0f05"  # syscall
    "b83c000000"  # mov  eax, 60        exit(2)
    "31ff"  # xor  edi, edi
    "0f05"  # syscall
)
_ADDRESS, _HEADERS = 0x400000, 64 + 56
SUM = "42"


def program() -> bytes:
    """Return the file: an ELF header, one program header and the code, as elf(5) describes them."""
    size = _HEADERS + len(_CODE)
    header = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bits, little-endian
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    return header + segment + _CODE


DIGEST = sha256(program()).hexdigest()
RUN = (
    f"file=$(mktemp) && echo {base64.b64encode(program()).decode()} | base64 --decode >$file && "
    "chmod 700 $file && sha256sum <$file && $file; rm -f $file"
)
"""The command that writes the file on a machine, and prints its SHA-256 and then what it prints."""
