package cloud

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Errors of the store.
var (
	// ErrExists means that there is a resource of this type and id already.
	ErrExists = errors.New("already exists")
	// ErrGone means that there is no resource of this type and id.
	ErrGone = errors.New("does not exist")
	// ErrInUse means that another resource still needs the one that is to be deleted.
	ErrInUse = errors.New("is still in use")
)

// Resource is a resource that exists.
type Resource struct {
	// Provider that made it, its type token and id.
	Provider, Type, ID string
	// URN of the resource that it was made for.
	URN string
	// Inputs and Outputs as the engine sends properties, secrets in plain.
	Inputs, Outputs json.RawMessage
	// Names under which others refer to it: its id if no other resource can have it by chance, and its addresses.
	Names []string
	// References are the texts in its inputs that may be names of other resources.
	References []string
	// Generation counts how many resources of this URN there have been.
	Generation int
}

func (r *Resource) file() string { return storeFile(r.Type, r.ID) }

func storeFile(typ, id string) string { return filepath.Join("store", sum(typ+"\n"+id)+".json") }

func sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// Generation is the number of the next resource of a URN.
func (c *Cloud) Generation(urn string) (int, error) {
	last := 0
	if err := c.read(generationFile(urn), &last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return last + 1, nil
}

func generationFile(urn string) string { return filepath.Join("generations", sum(urn)+".json") }

// Put makes a resource. Errors: ErrExists.
func (c *Cloud) Put(r *Resource) error {
	return c.locked(func() error {
		if _, err := c.Get(r.Type, r.ID); err == nil {
			return fmt.Errorf("%s %s %w", r.Type, r.ID, ErrExists)
		}
		return errors.Join(c.write(generationFile(r.URN), r.Generation), c.write(r.file(), r), c.refer(r))
	})
}

// Change replaces a resource. Errors: ErrGone.
func (c *Cloud) Change(r *Resource) error {
	return c.locked(func() error {
		old, err := c.Get(r.Type, r.ID)
		if err != nil {
			return err
		}
		return errors.Join(c.forget(old), c.write(r.file(), r), c.refer(r))
	})
}

// Get looks a resource up. Errors: ErrGone.
func (c *Cloud) Get(typ, id string) (*Resource, error) {
	var r Resource
	if err := c.read(storeFile(typ, id), &r); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %s %w", typ, id, ErrGone)
	} else if err != nil {
		return nil, err
	}
	return &r, nil
}

// Remove deletes a resource as a cloud does: not while another one refers to it. Errors: ErrGone, ErrInUse.
func (c *Cloud) Remove(typ, id string) error {
	return c.locked(func() error {
		r, err := c.Get(typ, id)
		if err != nil {
			return err
		}
		for _, name := range r.Names {
			if user := c.user(r, name); user != nil {
				return fmt.Errorf("%s %s %w by %s %s", r.Type, r.ID, ErrInUse, user.Type, user.ID)
			}
		}
		return errors.Join(c.forget(r), os.Remove(c.path(r.file())))
	})
}

// Vanish deletes a resource behind everybody's back, whoever needs it. Errors: ErrGone.
func (c *Cloud) Vanish(typ, id string) error {
	return c.locked(func() error {
		r, err := c.Get(typ, id)
		if err != nil {
			return err
		}
		return errors.Join(c.forget(r), os.Remove(c.path(r.file())))
	})
}

// refer notes which resources of the cloud another one names.
func (c *Cloud) refer(r *Resource) error {
	for _, name := range r.Names {
		if err := os.MkdirAll(c.path(filepath.Join("names", sum(name))), 0o700); err != nil {
			return err
		}
	}
	for _, text := range r.References {
		if _, err := os.Stat(c.path(filepath.Join("names", sum(text)))); err != nil {
			continue // names nothing that exists
		}
		mark := c.path(filepath.Join("names", sum(text), filepath.Base(r.file())))
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// forget takes the notes of refer back.
func (c *Cloud) forget(r *Resource) error {
	for _, text := range r.References {
		mark := c.path(filepath.Join("names", sum(text), filepath.Base(r.file())))
		if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// user is a resource that names another one; nil if there is none.
func (c *Cloud) user(r *Resource, name string) *Resource {
	marks, err := os.ReadDir(c.path(filepath.Join("names", sum(name))))
	if err != nil {
		return nil // nobody ever named it
	}
	for _, mark := range marks {
		var user Resource
		if c.read(filepath.Join("store", mark.Name()), &user) == nil && user.URN != r.URN {
			return &user
		}
	}
	return nil
}

// Resources are all that exist, sorted by URN and id.
func (c *Cloud) Resources() ([]*Resource, error) {
	files, err := filepath.Glob(c.path(filepath.Join("store", "*.json")))
	if err != nil {
		return nil, err
	}
	all := make([]*Resource, 0, len(files))
	for _, file := range files {
		var r Resource
		rel, err := filepath.Rel(c.dir, file)
		if err != nil {
			return nil, err
		}
		if err := c.read(rel, &r); errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		} else if err != nil {
			return nil, err
		}
		all = append(all, &r)
	}
	slices.SortFunc(all, func(a, b *Resource) int { return strings.Compare(a.URN+"\n"+a.ID, b.URN+"\n"+b.ID) })
	return all, nil
}
