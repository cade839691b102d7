package shim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// MaxFrame bounds the body of a frame, in bytes. A container's specification with Docker's seccomp profile is 20 to 40 KB;
// its arguments and environment can be 2 MB, where the kernel sets the bound.
const MaxFrame = 4 << 20

// WriteFrame writes v as one frame: the length of its JSON in four bytes, big-endian, then the JSON. It makes one Write.
func WriteFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	if len(body) > MaxFrame {
		return fmt.Errorf("a %T of %d bytes is over the frame's bound of %d", v, len(body), MaxFrame)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("send %T: %w", v, err)
	}
	return nil
}

// ReadFrame reads one frame into v. It reads no byte past the frame, takes no more memory than what has arrived, and
// returns io.EOF only between frames.
func ReadFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrame {
		return fmt.Errorf("a frame of %d bytes is over the bound of %d", size, MaxFrame)
	}
	var body bytes.Buffer
	if n, err := io.CopyN(&body, r, int64(size)); err != nil {
		return fmt.Errorf("frame cut off after %d of %d bytes: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err := json.Unmarshal(body.Bytes(), v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}
