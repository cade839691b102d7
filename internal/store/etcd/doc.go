// Package etcd keeps the store's state in an etcd that runs inside this process: durable, on one machine, with nothing that listens.
//
// cmd/berth opens it in the data directory whose lock it holds; everybody else sees only the [store.DB]:
//
//	db, err := etcd.Open(ctx, etcd.Config{Dir: in.Path("etcd"), Instance: in.ID, Fresh: !in.Began("etcd"), Logger: log})
//	// declare the tables
//	err = db.Start(ctx)
//	err = in.Begin("etcd") // from now on an absent state is a lost one
package etcd
