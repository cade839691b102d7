package sigv4

import "sync"

// Keys remembers signing keys: a key is good for a day, a region and a
// service, and costs four HMACs to derive. It holds at most twice its size;
// what was not used for a whole generation is forgotten. The zero Keys is
// ready and holds the default size.
type Keys struct {
	Size int // keys per generation; 0 is 1024

	mu       sync.Mutex
	young    map[keyID][]byte
	previous map[keyID][]byte
}

// keyID holds the secret: a key whose secret was changed is another key.
type keyID struct {
	secret string
	scope  Scope
}

// Key is the signing key of a secret for a scope.
func (k *Keys) Key(secret string, scope Scope) []byte {
	id := keyID{secret, scope}
	k.mu.Lock()
	key, ok := k.young[id]
	if !ok {
		if key, ok = k.previous[id]; ok {
			k.keep(id, key)
		}
	}
	k.mu.Unlock()
	if ok {
		return key
	}
	return derive(secret, scope)
}

// Remember keeps a signing key that has verified a request. Keys of requests
// that did not verify are never kept: nobody can fill the cache with scopes
// that they made up.
func (k *Keys) Remember(secret string, scope Scope, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.young[keyID{secret, scope}]; !ok {
		k.keep(keyID{secret, scope}, key)
	}
}

func (k *Keys) keep(id keyID, key []byte) {
	size := k.Size
	if size == 0 {
		size = 1024
	}
	if k.young == nil || len(k.young) >= size {
		k.previous, k.young = k.young, make(map[keyID][]byte)
	}
	k.young[id] = key
}
