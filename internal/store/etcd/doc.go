// Package etcd keeps the store's state in an etcd that runs inside this process: durable, on one machine, with nothing that listens.
//
// cmd/berth opens it in the data directory whose lock it holds; everybody else sees only the [store.DB].
package etcd
