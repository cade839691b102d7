package native

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// binfmtDir is where the kernel tells what runs programs that are not the machine's own.
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// machines are the numbers of architectures in the head of a program. All of them are little-endian, of 64 bits.
var machines = map[string]uint16{"amd64": 62, "arm64": 183, "riscv64": 243, "loong64": 258}

// checkEmulator says what is missing to run an image's programs.
func checkEmulator(dir string, image ocispec.Platform) error {
	if image.Architecture == "" || platforms.Default().Match(image) {
		return nil
	}
	missing := fmt.Errorf("the image is for %s and this machine is %s", platforms.Format(image), platforms.DefaultString())
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return fmt.Errorf("%w: nothing is mounted on %s, by which the kernel finds an emulator", missing, dir)
	}
	machine, ok := machines[image.Architecture]
	if !ok {
		return fmt.Errorf("%w: Berth knows of no emulator for that", missing)
	}
	if status, _ := os.ReadFile(filepath.Join(dir, "status")); strings.TrimSpace(string(status)) == "disabled" {
		return fmt.Errorf("%w: %s/status says disabled", missing, dir)
	}
	var unfit error
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil || entry.Name() == "status" || entry.Name() == "register" {
			continue
		}
		e := readBinfmt(string(text))
		switch {
		case !e.enabled || !e.takes(programHead(machine)):
		case !strings.Contains(e.flags, "F"):
			unfit = fmt.Errorf("%w: its emulator %s is registered without the flag F, and containers don't have it", missing, entry.Name())
		default:
			return nil
		}
	}
	if unfit != nil {
		return unfit
	}
	return fmt.Errorf("%w: no emulator for it is registered in %s, as by the package qemu-user-static", missing, dir)
}

// programHead is how a program for a machine begins.
func programHead(machine uint16) []byte {
	head := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	binary.LittleEndian.PutUint16(head[16:], 2) // an executable
	binary.LittleEndian.PutUint16(head[18:], machine)
	binary.LittleEndian.PutUint32(head[20:], 1)
	return head
}

// binfmt is an entry of binfmt_misc.
type binfmt struct {
	enabled     bool
	flags       string
	offset      int
	magic, mask []byte
}

func readBinfmt(text string) (e binfmt) {
	var errs []error
	decode := func(digits string) []byte {
		b, err := hex.DecodeString(digits)
		errs = append(errs, err)
		return b
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "enabled":
			e.enabled = true
		case "flags:":
			e.flags = value
		case "offset":
			offset, err := strconv.Atoi(value)
			errs = append(errs, err)
			e.offset = offset
		case "magic":
			e.magic = decode(value)
		case "mask":
			e.mask = decode(value)
		}
	}
	if errors.Join(errs...) != nil {
		return binfmt{}
	}
	return e
}

// takes says whether the entry is for programs that begin so.
func (e binfmt) takes(head []byte) bool {
	if len(e.magic) == 0 || e.offset < 0 || e.offset+len(e.magic) > len(head) {
		return false
	}
	masked := bytes.Clone(head[e.offset : e.offset+len(e.magic)])
	for i := range min(len(e.mask), len(masked)) {
		masked[i] &= e.mask[i]
	}
	return bytes.Equal(masked, e.magic)
}
