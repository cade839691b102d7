#!/bin/sh
# Runs the native engine's tests under cgroup v2: in a virtual machine with Debian's kernel, which sees this machine's files
# read-only and loses all that it writes. It needs root, apt-get and Debian's qemu; without KVM it is software, and slow.
# Usage: test/vm/run.sh [TESTFLAGS]  (default: -test.v)
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
out=$top/bin/vm
mkdir -p "$out/job"

need() { # PACKAGE COMMAND
	command -v "$2" >/dev/null || { echo "installing $1"; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null; }
}
need qemu-system-x86 qemu-system-x86_64
need busybox-static busybox
need cpio cpio
need kmod modprobe

if ! ls "$out"/kernel/boot/vmlinuz-* >/dev/null 2>&1; then
	image=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
	echo "fetching $image"
	(cd "$out" && apt-get download -qq "$image" && dpkg-deb -x "$image"_*.deb kernel && rm "$image"_*.deb)
	depmod -b "$out/kernel" "$(ls "$out/kernel/lib/modules")"
fi

echo "building what runs in it"
CGO_ENABLED=0 go test -c -o "$out/job/native.test" ./internal/agent/engine/native
CGO_ENABLED=0 go run ./internal/agent/engine/enginetest/programs "$out/job/programs"
cat >"$out/job/run" <<RUN
#!/bin/sh
export PATH=$PATH HOME=/root TMPDIR=/tmp BERTH_TEST_PROGRAMS=/run/job/programs BERTH_TEST_PATIENCE=10 CI=true
cd /run/job
./native.test -test.timeout 40m ${*:--test.v}
echo "exit code: \$?"
./busybox poweroff -f
RUN
chmod +x "$out/job/run"
cp "$(command -v busybox)" "$out/job/busybox"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/modules"
cp "$(command -v busybox)" "$root/bin/busybox"
cp test/vm/init "$root/init"
chmod +x "$root/init"
cp -r "$out/job" "$root/job"
release=$(ls "$out/kernel/lib/modules")
for module in virtio_pci 9pnet_virtio 9p overlay veth bridge br_netfilter nf_tables nft_chain_nat nft_masq nft_ct nft_nat nft_redir nft_reject_inet dummy vxlan tun; do
	modprobe -d "$out/kernel" -S "$release" --show-depends "$module" 2>/dev/null
done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
	cp "$file" "$root/modules/"
	basename "$file"
done >"$out/order"
cp "$out/order" "$root/modules/order"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$out/initrd.gz"

echo "starting it"
timeout 3000 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 8192 -display none -no-reboot -serial stdio -monitor none -nic none \
	-kernel "$out"/kernel/boot/vmlinuz-* -initrd "$out/initrd.gz" -append 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all' \
	-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap | tr -d '\r' | tee "$out/log"
grep -q '^exit code: 0$' "$out/log"
