package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/berth-dev/berth/internal/unsupported"
	"github.com/berth-dev/berth/internal/wire/client"
)

// Client calls the operator's API of a Berth that runs.
type Client struct{ c *client.Client }

// NewClient returns a client that signs with c's credentials.
func NewClient(c *client.Client) *Client { return &Client{c} }

// AskHealth asks for the health, which needs no signature. A Berth that is not well answers all the same.
func AskHealth(ctx context.Context, endpoint string) (Health, error) {
	var health Health
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+PathHealth, nil)
	if err != nil {
		return health, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return health, err
	}
	defer answer.Body.Close()
	if err := json.UnmarshalRead(io.LimitReader(answer.Body, 1<<20), &health); err != nil {
		return health, fmt.Errorf("%s does not answer as Berth does: %w", endpoint, err)
	}
	return health, nil
}

// Images lists the images.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	var images []Image
	return images, c.ask(ctx, http.MethodGet, PathImages, &images)
}

// ImportImage sends an OCI or docker-archive tar.
func (c *Client) ImportImage(ctx context.Context, archive io.Reader) ([]Image, error) {
	answer, err := c.c.Stream(ctx, http.MethodPost, PathImages, archive)
	if err != nil {
		return nil, plain(err)
	}
	var images []Image
	return images, json.Unmarshal(answer, &images)
}

// RemoveImage removes a name.
func (c *Client) RemoveImage(ctx context.Context, name string) error {
	return c.ask(ctx, http.MethodDelete, PathImages+"?name="+url.QueryEscape(name), nil)
}

// PullImage pulls an image from its registry.
func (c *Client) PullImage(ctx context.Context, name string) (Image, error) {
	var image Image
	return image, c.ask(ctx, http.MethodPost, PathPull+"?name="+url.QueryEscape(name), &image)
}

// PruneImages removes images that no task uses.
func (c *Client) PruneImages(ctx context.Context, all bool, unusedFor time.Duration) ([]Image, error) {
	var images []Image
	query := url.Values{"all": {strconv.FormatBool(all)}, "unused-for": {unusedFor.String()}}
	return images, c.ask(ctx, http.MethodPost, PathPrune+"?"+query.Encode(), &images)
}

// Pulls lists the images on their way.
func (c *Client) Pulls(ctx context.Context) ([]Pull, error) {
	var pulls []Pull
	return pulls, c.ask(ctx, http.MethodGet, PathPulls, &pulls)
}

// Unsupported asks what was asked for so far and refused or ignored.
func (c *Client) Unsupported(ctx context.Context) (unsupported.Record, error) {
	var record unsupported.Record
	return record, c.ask(ctx, http.MethodGet, PathUnsupported, &record)
}

// Reset stops what runs and forgets all state.
func (c *Client) Reset(ctx context.Context) error { return c.ask(ctx, http.MethodPost, PathReset, nil) }

// Down ends the program.
func (c *Client) Down(ctx context.Context, keepTasks bool) error {
	return c.ask(ctx, http.MethodPost, PathDown+"?keep-tasks="+strconv.FormatBool(keepTasks), nil)
}

// ask sends a request without a body and decodes the answer into out, if that is wanted.
func (c *Client) ask(ctx context.Context, method, path string, out any) error {
	answer, err := c.c.Do(ctx, method, path, nil)
	if err != nil || out == nil {
		return plain(err)
	}
	return json.Unmarshal(answer, out)
}

// plain is an error in this API's own words: it has sentences, no codes.
func plain(err error) error {
	var answered *client.Error
	if errors.As(err, &answered) {
		return errors.New(answered.Message)
	}
	return err
}
