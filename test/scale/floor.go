package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/api/ecs"
	"github.com/berth-dev/berth/internal/wire/floor"
)

const floorRole = "floor"

// serveFloor answers every DescribeTasks that is signed with a secret by the same answer: its arguments.
func serveFloor(args []string) error {
	text, err := base64.StdEncoding.DecodeString(args[1])
	if err != nil {
		return err
	}
	var answer ecs.DescribeTasksResponse
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(l, floor.Handler(ecs.DescribeTasks, args[0], &answer))
	fmt.Printf("http://%s\n", l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
