#!/bin/sh
# Installs what the tests need of the machine and Berth does not: dockerd and iptables for a firewall beside Berth's rules, the
# aws command and boto3 as clients. Without apt-get, or where it fails, the tests that miss something skip, and fail when CI=true.
set -eu
missing=
need() { # PACKAGE COMMAND...: the package, unless the command succeeds
	package=$1; shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
need docker.io command -v dockerd
need iptables command -v iptables-nft
need nftables command -v nft
need iproute2 command -v ip
need procps command -v sysctl
need awscli command -v aws
need python3-boto3 python3 -c 'import boto3'
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "make test: missing here, and not installed:$missing (it takes root and apt-get)" >&2
	exit 0
fi
echo "installing for the tests:$missing"
# Nothing that is installed is started, now or at the next boot: the tests start a dockerd of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' > $policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq || true
for package in $missing; do # one that this release does not have holds up none of the others
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
		echo "make test: $package could not be installed" >&2
done
case $missing in *docker.io*)
	systemctl disable --quiet docker.service docker.socket containerd.service 2>/dev/null || true ;;
esac
