package gelf

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// A message that fits into no datagram travels in chunks: two magic bytes, eight that name the message, the chunk's number and
// how many there are.
const (
	chunkSize   = 1420 // with its header: fits into an Ethernet frame
	chunkHeader = 12
	maxChunks   = 128
)

// errTooLong: it never will fit.
var errTooLong = errors.New("gelf: a message does not fit into its chunks")

// chunks cuts a message into datagrams.
func chunks(text []byte) (datagrams [][]byte, err error) {
	if len(text) <= chunkSize {
		return [][]byte{text}, nil
	}
	const each = chunkSize - chunkHeader
	count := (len(text) + each - 1) / each
	if count > maxChunks {
		return nil, fmt.Errorf("%w: %d bytes into %d", errTooLong, len(text), maxChunks)
	}
	var name [8]byte
	_, _ = rand.Read(name[:]) // never fails
	for i := range count {
		d := append([]byte{0x1e, 0x0f}, name[:]...)
		d = append(d, byte(i), byte(count))
		datagrams = append(datagrams, append(d, text[i*each:min((i+1)*each, len(text))]...))
	}
	return datagrams, nil
}

// compressed is a message as the options want it compressed.
func (o options) compressed(text []byte) ([]byte, error) {
	var out bytes.Buffer
	var z io.WriteCloser
	var err error
	switch o.compression {
	case "none":
		return text, nil
	case "zlib":
		z, err = zlib.NewWriterLevel(&out, o.level)
	default:
		z, err = gzip.NewWriterLevel(&out, o.level)
	}
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}
