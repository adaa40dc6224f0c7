install /usr/bin/qemu-aarch64 /usr/bin/qemu-x86_64 /usr/local/bin

# What nobody compiles with here: link-time optimization, profiling, sanitizers, other programs' tools.
rm -f /usr/libexec/gcc*/*/*/lto1 /usr/libexec/gcc*/*/*/lto-wrapper /usr/libexec/gcc*/*/*/g++-mapper-server
rm -f /usr/bin/*lto-dump* /usr/bin/*gcov* /usr/bin/*gp-* /usr/bin/*gprof* /usr/bin/*-dwp
find /usr -name 'lib?san.*' -o -name 'libubsan.*' -o -name 'libhwasan*' | xargs rm -f
# For these two, add.c is all that is compiled: no library, no header.
rm -rf /usr/arm-linux-gnueabihf/lib /usr/arm-linux-gnueabihf/include
rm -rf /usr/powerpc-linux-gnu/lib /usr/powerpc-linux-gnu/include
