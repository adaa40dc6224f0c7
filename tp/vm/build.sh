# Machines and firmware that no virtual machine of the TP has: a PC needs few of these files.
rm -f /usr/bin/qemu-system-i386
cd /usr/share/qemu
find . -type f ! -name 'bios*' ! -name kvmvapic.bin ! -name linuxboot_dma.bin -delete
