// Package store keeps the control plane's state: typed tables of JSON values over one ordered, revisioned key space.
//
// Every service declares its tables with [NewTable], reads them from memory ([Table.Get], [Table.Find], [Table.Count]),
// follows them with [Table.Watch], and changes them in [DB.Update]. A transaction may touch tables of several packages.
//
//	clusters := store.NewTable[Cluster](db, "ecs", "cluster")
//	err := db.Update(ctx, func(tx *store.Tx) error {
//		return clusters.Create(tx, scope, "default", &Cluster{...})
//	})
//
// What a caller can rely on:
//
//   - When Update returns nil the change is durable, all of it, and every read of this process sees it.
//   - Transactions are serializable: each row that the function read (or found absent) is compared when it commits.
//   - Rows are decoded once and shared. A value that came from the store or was given to it is never changed again:
//     copy it, change the copy, Put the copy. [Memory] checks that, and panics when somebody did.
//   - Members of a stored value that this release does not know survive a rewrite by this release, at every depth (see unknown.go).
//
// The rows live in a [Backend]: [Memory] here, etcd in package store/etcd. Both pass the suite of package store/storetest.
package store
