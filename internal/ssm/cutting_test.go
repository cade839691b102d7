package ssm_test

import (
	"io"
	"net"
	"strings"
	"testing"
)

// cutting returns how a URL is reached through a proxy that cuts each connection after so many bytes to the client.
func cutting(t *testing.T, url string, after int64) func(string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	host := strings.TrimPrefix(url, "http://")
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", host)
				if err != nil {
					return
				}
				defer server.Close()
				go io.Copy(server, client)
				io.CopyN(client, server, after)
			}()
		}
	}()
	return func(u string) string { return strings.Replace(u, host, l.Addr().String(), 1) }
}
