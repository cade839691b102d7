package secretsmanager

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	api "github.com/berth-dev/berth/api/secretsmanager"
)

// The kinds of characters that a password has.
const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

const defaultLength = 32

// GetRandomPassword draws a password, which is kept nowhere.
func (s *Service) GetRandomPassword(ctx context.Context, in *api.GetRandomPasswordRequest) (*api.GetRandomPasswordResponse, error) {
	var kinds []string
	for _, kind := range []struct {
		letters string
		left    *bool
	}{{lowercase, in.ExcludeLowercase}, {uppercase, in.ExcludeUppercase}, {digits, in.ExcludeNumbers}, {punctuation, in.ExcludePunctuation}, {" ", new(!deref(in.IncludeSpace))}} {
		letters := strings.Map(func(r rune) rune {
			if strings.ContainsRune(in.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, kind.letters)
		if !deref(kind.left) && letters != "" {
			kinds = append(kinds, letters)
		}
	}
	length := defaultLength
	if in.PasswordLength != nil {
		length = int(*in.PasswordLength)
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	switch {
	case len(kinds) == 0:
		return nil, invalidParameter("The password can't be generated because every character is excluded.")
	case each && length < len(kinds):
		return nil, invalidParameter("The password can't be generated because the password length is less than the required number of character types.")
	}
	password := make([]byte, 0, length)
	if each {
		for _, letters := range kinds {
			password = append(password, pick(letters))
		}
	}
	for all := strings.Join(kinds, ""); len(password) < length; {
		password = append(password, pick(all))
	}
	for i := len(password) - 1; i > 0; i-- {
		j := draw(i + 1)
		password[i], password[j] = password[j], password[i]
	}
	return &api.GetRandomPasswordResponse{RandomPassword: string(password)}, nil
}

func pick(letters string) byte { return letters[draw(len(letters))] }

// draw is a number below n, each as likely as any other.
func draw(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // Go's reader does not fail
	}
	return int(i.Int64())
}
