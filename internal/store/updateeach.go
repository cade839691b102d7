package store

import "context"

// UpdateEach runs fn for every item, in order, in as few transactions as their size allows: for changes that are too large for one,
// such as those of a service of 5,000 tasks. Each transaction is all or nothing, and holds whole items; together they are not. It returns how many
// items are done, also when it fails: those are durable. fn runs again for an item when its transaction is retried, as with Update.
func UpdateEach[I any](ctx context.Context, to Updater, items []I, fn func(tx *Tx, item I) error) (done int, err error) {
	for done < len(items) {
		var taken int
		err := to.Update(ctx, func(tx *Tx) error {
			taken = 0
			for _, item := range items[done:] {
				if err := fn(tx, item); err != nil {
					return err
				}
				if taken++; tx.filled() {
					break
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done += taken
	}
	return done, nil
}

// filled says whether the transaction has what a batch holds. One more item of up to that size still fits.
func (tx *Tx) filled() bool {
	return max(len(tx.writes), len(tx.reads)) >= batchOps || tx.bytes >= batchBytes
}
