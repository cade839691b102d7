package services

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// load is requests at a rate, and what came of them.
type load struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	tasks  map[string]int // answers by the task that gave them
	failed map[string]int // by what went wrong
}

// pound asks a URL so many times a second until end is called.
func pound(url string, rate int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, done: make(chan struct{}), tasks: map[string]int{}, failed: map[string]int{}}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	go func() {
		defer close(l.done)
		defer client.CloseIdleConnections()
		var asking sync.WaitGroup
		defer asking.Wait()
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				asking.Go(func() { l.note(ask(client, url)) })
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

func (l *load) note(task string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed[err.Error()]++
		return
	}
	l.tasks[task]++
}

// end ends the load once its last request has its answer. It returns how many were answered, and what went wrong.
func (l *load) end() (answered int, failed map[string]int) {
	l.cancel()
	<-l.done
	for _, n := range l.tasks {
		answered += n
	}
	return answered, l.failed
}

// from is the set of tasks that have answered until now.
func (l *load) from() (tasks []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for task := range l.tasks {
		tasks = append(tasks, task)
	}
	return tasks
}

// ask is the id of the task that answers at a URL.
func ask(client *http.Client, url string) (task string, err error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(string(text), "task: ")
	task, _, ok := strings.Cut(after, "\n")
	if answer.StatusCode != http.StatusOK || !ok {
		return "", fmt.Errorf("%s: %.60s", answer.Status, text)
	}
	return task, nil
}
