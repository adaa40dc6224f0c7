# The workload, for two ISAs: static, so that it needs nothing of the machine it runs on.
gcc -O2 -static -o calcul-x86_64 calcul.c
aarch64-linux-gnu-gcc -O2 -static -o calcul-arm64 calcul.c
install /usr/bin/qemu-aarch64 /usr/local/bin
# The 32-bit emulators: the TP boots 64-bit machines only.
rm /usr/bin/qemu-system-arm /usr/bin/qemu-system-ppc

# machine ARCHITECTURE KERNEL: a kernel, and an initrd that has a shell, its libraries, and init.
machine() {
    installer=/usr/lib/debian-installer/images/13/$1/text/debian-installer/$1
    machine=/usr/local/lib/machines/$1
    root=$(mktemp -d)
    (
        cd "$root"
        zcat "$installer/initrd.gz" | cpio -idm --quiet bin sbin lib lib64 usr usr/bin usr/sbin usr/lib usr/lib64 \
            'usr/lib*/ld*.so*' 'usr/lib/*/ld*.so*' 'usr/lib/*/libc.so*' 'usr/lib/*/libresolv.so*' usr/bin/busybox \
            usr/bin/cat usr/bin/grep usr/bin/mount usr/bin/sh usr/bin/stty usr/bin/uname usr/sbin/poweroff
        mkdir proc
        install "$OLDPWD/init" .
        if [ "$1" = arm64 ]; then install "$OLDPWD/calcul-arm64" .; fi
        mkdir -p "$machine"
        find . | sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n >"$machine/initrd"
    )
    install -m 644 "$installer/$2" "$machine/$2"
    rm -r "$root"
}

# A PC whose first and only program is the workload: what a PC that QEMU emulates is measured with.
mkdir -p /usr/local/lib/machines/amd64
echo calcul-x86_64 | cpio -o -H newc -R 0:0 --quiet | gzip -9n >/usr/local/lib/machines/amd64/initrd

machine arm64 linux
gzip -9n /usr/local/lib/machines/arm64/linux
machine ppc64el vmlinux
strip /usr/local/lib/machines/ppc64el/vmlinux  # that of binutils-multiarch knows PowerPC
