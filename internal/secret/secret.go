// Package secret reads a secret from where an address says: a file on this machine, or a cloud's store of secrets.
package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/runtimevar"
)

// patience is how long a store of secrets may take to answer.
const patience = 30 * time.Second

// ErrEmpty means that there is nothing in a secret.
var ErrEmpty = errors.New("is empty")

// Read reads a secret: a path, a file:// address, or awssecretsmanager://NAME?region=eu-central-1&decoder=string where
// the program was built with the tag cloud. White space around it is cut off.
func Read(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	var data []byte
	switch {
	case err != nil || !strings.Contains(address, "://"):
		data, err = os.ReadFile(address)
	case u.Scheme == "file":
		data, err = os.ReadFile(filepath.FromSlash(u.Path))
	default:
		data, err = fromStore(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return nil, fmt.Errorf("%s %w", address, ErrEmpty)
	}
	return data, nil
}

func fromStore(ctx context.Context, address string) ([]byte, error) {
	mux := runtimevar.DefaultURLMux()
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if !mux.ValidVariableScheme(u.Scheme) {
		return nil, fmt.Errorf("%s: this program knows files alone; build it with -tags cloud for stores of secrets", address)
	}
	variable, err := mux.OpenVariable(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = variable.Close() }()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	snapshot, err := variable.Latest(limited)
	if err != nil {
		return nil, err
	}
	switch value := snapshot.Value.(type) {
	case string:
		return []byte(value), nil
	case []byte:
		return value, nil
	default:
		return nil, fmt.Errorf("%s: want decoder=string or none", address)
	}
}
