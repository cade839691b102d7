package server

import (
	"log/slog"

	"github.com/berth-dev/berth/internal/store"
	"github.com/berth-dev/berth/internal/wire"
)

// Registered is a control plane's operations as they are registered, to be asked what is done of them. It has no state and
// serves nobody.
func Registered() *wire.Server {
	return New(Config{DB: store.Memory(), Endpoint: func() string { return "" }, Log: slog.New(slog.DiscardHandler)}).Wire
}
