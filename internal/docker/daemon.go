package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	// ErrNoDaemon: no Docker runs on this machine, for this person.
	ErrNoDaemon = errors.New("no Docker daemon answers on this machine")
	// ErrNoImage: the daemon has no image of that name.
	ErrNoImage = errors.New("no such image in Docker")
)

// askTime bounds a question to the daemon, which answers within milliseconds.
const askTime = 3 * time.Second

// Daemon is the Docker daemon of a person. Its methods may be called at the same time. Each asks the daemon that the
// person has by then: it may be started, and another one chosen, at any time.
type Daemon struct {
	person Person
	socket string // the one and only, when set

	mu     sync.Mutex
	host   string
	client *client.Client // of host
}

// NewDaemon returns the daemon that the docker command would speak to for the person, or the one at a socket's path.
func NewDaemon(p Person, socket string) *Daemon { return &Daemon{person: p, socket: socket} }

// Close closes idle connections.
func (d *Daemon) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client == nil {
		return nil
	}
	return d.client.Close()
}

// Image is an image that the daemon has.
type Image struct {
	ID       string        // changes with the content; the image's name may point to another by the time it is asked for again
	Digest   digest.Digest // of what the registry has, where the daemon keeps that
	Platform ocispec.Platform
	Size     int64     // bytes, unpacked
	TaggedAt time.Time // when it last got a name on this machine; zero where the daemon doesn't know
}

// Image asks for an image by name. ErrNoImage, ErrNoDaemon, or why the daemon could not be asked.
func (d *Daemon) Image(ctx context.Context, name reference.Named) (Image, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, fmt.Errorf("no answer within %s", askTime))
	defer cancel()
	api, err := d.connect()
	if err != nil {
		return Image{}, err
	}
	found, err := api.ImageInspect(ctx, name.String())
	if errdefs.IsNotFound(err) {
		return Image{}, ErrNoImage
	}
	if err != nil {
		return Image{}, d.explain(ctx, err)
	}
	image := Image{
		ID: found.ID, Size: found.Size, TaggedAt: found.Metadata.LastTagTime,
		Platform: ocispec.Platform{OS: found.Os, Architecture: found.Architecture, Variant: found.Variant},
	}
	if found.Descriptor != nil {
		image.Digest = found.Descriptor.Digest
	}
	return image, nil
}

// Save returns the image of an ID, or of a name, as a tar in the form that the daemon writes: docker-archive or OCI. By its
// ID it has no name there. Nothing but ctx bounds how long the daemon takes to begin.
func (d *Daemon) Save(ctx context.Context, id string) (io.ReadCloser, error) {
	api, err := d.connect()
	if err != nil {
		return nil, err
	}
	tar, err := api.ImageSave(ctx, []string{id})
	if err != nil {
		return nil, d.explain(ctx, err)
	}
	return tar, nil
}

// explain tells a daemon that is not there from one that has something to say. The library tells only in words.
func (d *Daemon) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("ask Docker: %w", cause)
	}
	if host, addressErr := d.address(); addressErr == nil {
		probe, dialErr := net.DialTimeout("unix", strings.TrimPrefix(host, unixScheme), time.Second)
		switch {
		case dialErr == nil:
			probe.Close()
		case errors.Is(dialErr, os.ErrNotExist), errors.Is(dialErr, syscall.ECONNREFUSED):
			return ErrNoDaemon
		case errors.Is(dialErr, os.ErrPermission):
			return fmt.Errorf("ask Docker: %w; its socket is for root and for the group docker", dialErr)
		}
	}
	return fmt.Errorf("ask Docker: %w", err)
}

// connect returns the client for the daemon that the person has now.
func (d *Daemon) connect() (*client.Client, error) {
	host, err := d.address()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil && d.host == host {
		return d.client, nil
	}
	made, err := client.New(client.WithHost(host), client.WithUserAgent("berth"))
	if err != nil {
		return nil, fmt.Errorf("docker host %s: %w", host, err)
	}
	if d.client != nil {
		d.client.Close() // its idle connections; what it is doing goes on
	}
	d.client, d.host = made, host
	return made, nil
}

const unixScheme = "unix://"

// address is the daemon's, found as the docker command finds it, and where that would find none in the places where
// daemons of one person listen.
func (d *Daemon) address() (string, error) {
	if d.socket != "" {
		return unixScheme + d.socket, nil
	}
	host, err := d.person.chosen()
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(host, unixScheme):
		return host, nil
	case host != "":
		return "", fmt.Errorf("%w: the docker command is set to %s, and images are taken from a daemon on this machine alone", ErrNoDaemon, host)
	}
	for _, path := range d.person.sockets() {
		if isSocket(path) {
			return unixScheme + path, nil
		}
	}
	return "", ErrNoDaemon
}

// chosen is the address that the person set, if any: by DOCKER_HOST, or by a context.
func (p Person) chosen() (string, error) {
	if host := p.env("DOCKER_HOST"); host != "" {
		return host, nil
	}
	name := p.env("DOCKER_CONTEXT")
	if name == "" {
		s, err := p.settings()
		if err != nil {
			return "", err
		}
		name = s.CurrentContext
	}
	if name == "" || name == "default" || p.dir() == "" {
		return "", nil
	}
	return p.context(name)
}
