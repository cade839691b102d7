package store

import "errors"

// The errors of a transaction. They come wrapped with the row or the operation they are about: test with [errors.Is].
var (
	// ErrExists: a row to be created is there already, or another row holds a key of a unique index.
	ErrExists = errors.New("it exists already")
	// ErrNotFound: a row to be changed or deleted is not there.
	ErrNotFound = errors.New("it does not exist")
	// ErrConflict: other transactions kept changing what this one had read, until its attempts were used up. Nothing was changed.
	ErrConflict = errors.New("others kept changing the same rows")
	// ErrFenced: the leader that this transaction acts for has been replaced. Nothing was changed, and nothing will be.
	ErrFenced = errors.New("another leader has taken over")
	// ErrFull: the state has reached its quota, or the disk is full. Transactions that only delete still work, and on a full
	// disk those that change what is there. Nothing was changed.
	ErrFull = errors.New("there is no room for more state")
	// ErrTooLarge: a value or a transaction is beyond the limits ([MaxValue], [MaxOps], [MaxBytes]). Nothing was changed.
	ErrTooLarge = errors.New("it is too large")
	// ErrTokenReused: an idempotency token came again with other parameters.
	ErrTokenReused = errors.New("the token was used with other parameters")
	// ErrInDoubt: the answer to a commit did not come in time. The change may be there or may still come.
	ErrInDoubt = errors.New("it is not known whether the change was made")
	// ErrClosed: the database is closed.
	ErrClosed = errors.New("the store is closed")
	// ErrCompacted: a [Backend] no longer has the changes asked for.
	ErrCompacted = errors.New("the changes asked for have been compacted")
)
