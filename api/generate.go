// Package api is the parent of one Go package per AWS service (and one per
// agent protocol), all generated from the models in models/. It holds no code
// of its own beyond the command that regenerates them.
//
// To add a service or an operation, edit gen/services.go and run
//
//	go generate ./api
package api

//go:generate go run ./gen
