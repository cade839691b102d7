package store

// Limits of values and transactions. They keep a commit small enough that no other has to wait long for it.
const (
	// MaxValue is the size of one value in bytes of JSON.
	MaxValue = 1 << 20
	// MaxOps is how many rows one transaction may write, those of unique indexes and tokens included. [UpdateEach] splits larger changes.
	MaxOps = 256
	// MaxReads is how many rows one transaction may read.
	MaxReads = 4096
	// MaxBytes is the size of all keys and values that one transaction may write.
	MaxBytes = 4 << 20

	// A batch takes no further transaction once it has as much as this.
	batchOps   = 128
	batchBytes = 1 << 20
	// batchesUnderWay is how many batches are with the backend at one time.
	batchesUnderWay = 4
	// maxAttempts is how often a transaction runs before it gives up with ErrConflict.
	maxAttempts = 32
)
