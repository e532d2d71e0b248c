#!/bin/sh
# Runs one static x86-64 Linux program on an emulated processor that has
# AVX-512 F, BW, DQ, VL and VNNI: Bochs, an Ice Lake, one CPU.
#
#     sh tests/tools/run_bochs.sh PROGRAM [ARGUMENT...]
#     sh tests/tools/run_bochs.sh --check
#
# Prints what the program prints and ends with its exit status: 128 + n for
# signal n, 125 if the emulator fails.  Arguments have no spaces.  Where a tool
# is missing it says SKIP, in the words of TAP, and ends with 0; --check only
# tells, by its status, whether that would happen.
#
# Bochs emulates a whole machine, so it boots Debian's kernel from a CD whose
# only files are the program and an init that starts it: half a minute, then
# some 50 million instructions a second.  (qemu and valgrind know no AVX-512.)
#
#     BOCHS_KERNEL    vmlinuz to boot; else from this system, or from the
#                     package, which is fetched but not installed
#     BOCHS_SECONDS   limit, 1800
set -eu

packages='bochs bochs-term bochsbios vgabios xorriso isolinux syslinux-common
    cpio bsdutils gcc libc6-dev'
boot_loader=/usr/lib/ISOLINUX/isolinux.bin
loader_module=/usr/lib/syslinux/modules/bios/ldlinux.c32
kernel=${BOCHS_KERNEL:-}
compiler=${CC:-cc}

missing() {
    for tool in bochs xorriso cpio script gzip timeout stty "$compiler"; do
        command -v "$tool" >/dev/null || printf '%s ' "$tool"
    done
    for file in /usr/share/bochs/BIOS-bochs-latest \
        /usr/share/vgabios/vgabios.bin "$boot_loader" "$loader_module"; do
        [ -f "$file" ] || printf '%s ' "$file"
    done
    [ -z "$kernel" ] || [ -f "$kernel" ] || printf '%s ' "$kernel"
    [ "$(uname -m)" = x86_64 ] || printf 'an x86-64 compiler '
}

skip() {
    # shellcheck disable=SC2086 # on one line
    echo "1..0 # SKIP run_bochs.sh needs $* (Debian:" $packages\)
    exit 0
}

fail() {
    printf 'run_bochs.sh: %s\n' "$*" >&2
    exit 125
}

absent=$(missing)
[ "${1:-}" != --check ] || { [ -z "$absent" ] && exit 0 || exit 1; }
[ -z "$absent" ] || skip "$absent"
[ -f "${1:-}" ] || fail 'usage: run_bochs.sh PROGRAM [ARGUMENT...]'
program=$1
shift

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'kill "${emulator:-}" 2>/dev/null; exit 129' HUP INT TERM

# The newest kernel of this system, or the one that a package depends on.
for file in /boot/vmlinuz-*-amd64; do
    [ -n "$kernel" ] || [ ! -r "$file" ] || kernel=$file
done
if [ -z "$kernel" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/.*Depends: *\(linux-image-[^ ]*\).*/\1/p' | head -n 1)
    [ -n "$package" ] || skip 'a kernel: linux-image-cloud-amd64'
    (cd "$scratch" && apt-get download "$package") >/dev/null 2>&1 ||
        skip "a kernel: $package"
    kernel=$scratch/vmlinuz
    dpkg-deb --fsys-tarfile "$scratch/$package"_*.deb |
        tar -xO "./boot/vmlinuz-${package#linux-image-}" >"$kernel"
fi

# The first process.  Its arguments are the program's; the serial port is its
# output, unchanged.  "Shutdown" on port 0x8900 is how a guest ends Bochs.
mkdir -p "$scratch/cd" "$scratch/files/dev"
cat >"$scratch/init.c" <<'INIT'
#include <fcntl.h>
#include <stdio.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    mount("none", "/dev", "devtmpfs", 0, 0);
    int port = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    struct termios mode;
    tcgetattr(port, &mode);
    cfmakeraw(&mode);
    tcsetattr(port, TCSANOW, &mode);
    for (int i = 0; i < 3; i++)
        dup2(port, i);
    dprintf(1, "\n@@ begin\n");
    pid_t child = fork();
    if (child == 0) {
        argv[0] = "/program";
        argv[argc] = NULL;
        execve(argv[0], argv, NULL);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    dprintf(1, "\n@@ end %d\n", WIFEXITED(status)
                                    ? WEXITSTATUS(status)
                                    : 128 + WTERMSIG(status));
    tcdrain(port);
    ioperm(0x8900, 1, 1);
    for (const char *c = "Shutdown"; *c != '\0'; c++)
        outb(*c, 0x8900);
    for (;;)
        pause();
}
INIT
"$compiler" -O1 -static -D_GNU_SOURCE "$scratch/init.c" \
    -o "$scratch/files/init" || fail 'cannot build the first process'
cp "$program" "$scratch/files/program"
chmod 755 "$scratch/files/program"
(cd "$scratch/files" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) \
    >"$scratch/cd/files.gz"

# What Bochs 2.7 and the kernel do not agree on:
#   pku, xsavec, xsaves  CPUID leaf 13 has wrong sizes for them, and the kernel
#                        would then not enable AVX at all
#   fsrm                 without erms, which the kernel takes away since
#                        MISC_ENABLE reads as 0, memmove runs past its end
#   tsc_early_khz        CPUID tells a clock that is not `ips`
# and what takes time for nothing: self-tests, certificates, tracing.
ips=50000000
cp "$boot_loader" "$loader_module" "$scratch/cd/"
cp "$kernel" "$scratch/cd/vmlinuz"
cat >"$scratch/cd/isolinux.cfg" <<CONFIG
default test
label test
    kernel vmlinuz
    append initrd=files.gz console=ttyS0,115200 quiet panic=-1 \
clearcpuid=pku,xsavec,xsaves,fsrm tsc_early_khz=$((ips / 1000)) tsc=reliable \
mitigations=off lsm=capability audit=0 random.trust_cpu=on cryptomgr.notests=1 \
initcall_blacklist=load_system_certificate_list,trace_eval_init -- $*
CONFIG
xorriso -as mkisofs -quiet -o "$scratch/cd.iso" -b isolinux.bin -c boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$scratch/cd" \
    >"$scratch/xorriso.txt" 2>&1 || fail "$(cat "$scratch/xorriso.txt")"

cat >"$scratch/bochsrc" <<CONFIG
config_interface: textconfig
display_library: term
cpu: model=corei7_icelake_u, ips=$ips, reset_on_triple_fault=0
clock: sync=none
megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$scratch/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$scratch/serial.txt
log: $scratch/bochs.txt
panic: action=fatal
error: action=ignore
info: action=ignore
CONFIG

# Debian's Bochs has a debugger, which wants to be told to go on, in a terminal,
# which script(1) is.  It shows its screen on another one that it makes and
# names: somebody must read that, or Bochs waits when 4 KiB are full.
echo continue >"$scratch/commands"
: >"$scratch/serial.txt"
TERM=xterm timeout "${BOCHS_SECONDS:-1800}" script -qefc \
    "bochs -q -f $scratch/bochsrc -rc $scratch/commands" \
    "$scratch/terminal.txt" >/dev/null 2>&1 </dev/null &
emulator=$!
screen=
while [ -z "$screen" ] && kill -0 "$emulator" 2>/dev/null; do
    sleep 1
    screen=$(sed -n 's/^Bochs connected to screen "\([^"]*\)".*/\1/p' \
        "$scratch/terminal.txt")
done
[ -z "$screen" ] ||
    { stty raw -echo && exec cat; } <"$screen" >/dev/null 2>&1 &
wait "$emulator" || true

# Between the first marker and the last, less the newlines that belong to them.
status=$(sed -n 's/^@@ end \([0-9]*\)$/\1/p' "$scratch/serial.txt" | tail -n 1)
sed -n '/^@@ begin$/,$p' "$scratch/serial.txt" |
    sed -e 1d -e '/^@@ end [0-9]*$/,$d' | sed -e '${/^$/d;}'
[ -n "$status" ] || {
    tail -n 20 "$scratch/serial.txt" "$scratch/bochs.txt" >&2
    fail "no end within ${BOCHS_SECONDS:-1800} s"
}
exit "$status"
