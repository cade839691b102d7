package tasks

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sys/unix"
)

// Root's files are for root alone on many machines. What containers find in theirs is not up to that.
func TestTheStartersUmaskIsNotTheContainers(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	w := start(t)
	c := container("main", "read", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname")
	c.User = aws.String("1000:1000")
	w.exited(w.one(fargate(c), "STOPPED"), "main", 0)
}
