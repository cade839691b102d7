package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// stdin prints what it is: a pipe, a terminal with its size, a device with its numbers.
func stdin([]string) {
	var st unix.Stat_t
	check(unix.Fstat(0, &st))
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	switch {
	case err == nil:
		fmt.Printf("terminal %dx%d\n", size.Col, size.Row)
	case st.Mode&unix.S_IFMT == unix.S_IFIFO:
		fmt.Println("pipe")
	default:
		fmt.Printf("device %d:%d\n", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
}

// namespace KIND... prints which ones it is in.
func namespace(kinds []string) {
	for _, kind := range kinds {
		link, err := os.Readlink("/proc/self/ns/" + kind)
		check(err)
		fmt.Println(link)
	}
}

// interfaces prints the network interfaces and whether they are up.
func interfaces([]string) {
	all, err := net.Interfaces()
	check(err)
	for _, i := range all {
		state, _, _ := strings.Cut(i.Flags.String(), "|")
		fmt.Println(i.Name, state)
	}
}

// bomb starts sleepers until it may no more, prints how many there are and stays.
func bomb([]string) {
	for n := 0; ; n++ {
		if err := exec.Command("/proc/self/exe", "stubborn").Start(); err != nil {
			fmt.Println("bombed", n)
			forever()
		}
	}
}
