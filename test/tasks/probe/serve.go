package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// serve answers questions on a port until SIGTERM. Each path takes its arguments from the query and answers one text; an
// error is answered with status 500. By UDP every packet is answered with the name.
func serve(port string) {
	questions := map[string]func(ctx context.Context, q url.Values) (string, error){
		"/name": func(context.Context, url.Values) (string, error) { return os.Getenv("NAME"), nil },
		"/env":  func(_ context.Context, q url.Values) (string, error) { return os.Getenv(q.Get("name")), nil },
		"/file": func(_ context.Context, q url.Values) (string, error) {
			b, err := os.ReadFile(q.Get("name"))
			return string(b), err
		},
		"/write": func(_ context.Context, q url.Values) (string, error) {
			return "", os.WriteFile(q.Get("name"), []byte(q.Get("text")), 0o644)
		},
		"/fetch":  func(ctx context.Context, q url.Values) (string, error) { return fetch(ctx, q.Get("url")) },
		"/packet": func(_ context.Context, q url.Values) (string, error) { return askByUDP(q.Get("at")) },
		"/lookup": func(ctx context.Context, q url.Values) (string, error) {
			found, err := net.DefaultResolver.LookupHost(ctx, q.Get("name"))
			return strings.Join(found, " "), err
		},
		"/print": func(_ context.Context, q url.Values) (string, error) {
			printLines(number(q.Get("lines")), number(q.Get("length")))
			return "", nil
		},
		"/end": func(_ context.Context, q url.Values) (string, error) { // at once, as a crash does
			os.Exit(number(q.Get("code")))
			return "", nil
		},
		"/keys": keys, "/identity": identity, "/tasks": tasks,
	}
	server := &http.Server{}
	for path, answer := range questions {
		http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			text, err := answer(r.Context(), r.URL.Query())
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, text)
		})
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fail(err)
	}
	packets, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		fail(err)
	}
	go answerPackets(packets)
	fmt.Println("serving on", port)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		fail(err)
	}
}

func answerPackets(conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		if _, from, err := conn.ReadFrom(buffer); err == nil {
			_, _ = conn.WriteTo([]byte(os.Getenv("NAME")), from)
		}
	}
}

// askByUDP is the answer to a packet.
func askByUDP(at string) (string, error) {
	conn, err := net.Dial("udp", at)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	answer := make([]byte, 1500)
	if _, err := conn.Write([]byte("who is it?")); err != nil {
		return "", err
	}
	n, err := conn.Read(answer)
	return string(answer[:n]), err
}

// sdk is what a program in a container has without being told anything; the query may name other keys and another endpoint.
func sdk(ctx context.Context, q url.Values) (aws.Config, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if q.Has("key") {
		c.Credentials = credentials.NewStaticCredentialsProvider(q.Get("key"), q.Get("secret"), q.Get("token"))
	}
	if q.Has("unsigned") {
		c.Credentials = aws.AnonymousCredentials{}
	}
	if q.Has("endpoint") {
		c.BaseEndpoint = aws.String(q.Get("endpoint"))
	}
	return c, err
}

func keys(ctx context.Context, q url.Values) (string, error) {
	c, err := sdk(ctx, q)
	if err != nil {
		return "", err
	}
	k, err := c.Credentials.Retrieve(ctx)
	return strings.Join([]string{k.AccessKeyID, k.SecretAccessKey, k.SessionToken}, " "), err
}

func identity(ctx context.Context, q url.Values) (string, error) {
	c, err := sdk(ctx, q)
	if err != nil {
		return "", err
	}
	who, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(who.Arn), nil
}

func tasks(ctx context.Context, q url.Values) (string, error) {
	c, err := sdk(ctx, q)
	if err != nil {
		return "", err
	}
	out, err := ecs.NewFromConfig(c).ListTasks(ctx, &ecs.ListTasksInput{})
	if err != nil {
		return "", err
	}
	return strings.Join(out.TaskArns, " "), nil
}
