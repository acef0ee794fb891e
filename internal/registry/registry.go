// Package registry is the model registry: a layout in the models zone of the lake, the same on every target.
//
//	<name>/versions/<version>/manifest.json   what the version is: schema, provenance, sums of the other files
//	<name>/versions/<version>/model.onnx      the model
//	<name>/versions/<version>/metrics.json    how it did on the test rows, beside the version that was served then
//	<name>/versions/<version>/profile.json    what its training data looked like, for drift
//	<name>/versions/<version>/card.md         the model card; card.html has drawings
//	<name>/aliases/<alias>                    which version an alias such as production stands for
//
// A version never changes once it is registered; the manifest is written last, so a version without one does not
// exist. An alias is one small object that is replaced atomically.
package registry

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/mlpathway/mlpathway/internal/lake"
)

// Names of the files of a version.
const (
	ManifestFile = "manifest.json"
	ModelFile    = "model.onnx"
	MetricsFile  = "metrics.json"
	ProfileFile  = "profile.json"
)

// Production is the alias that endpoints serve unless told otherwise.
const Production = "production"

// Errors that a caller may test.
var (
	// ErrNoAlias means that nothing has been promoted to an alias yet.
	ErrNoAlias = errors.New("the alias does not stand for any version yet")
	// ErrCorrupt means that a file of a version does not have the SHA-256 that its manifest promises.
	ErrCorrupt = errors.New("the model version is corrupt")
	// ErrExists means that the version is registered already.
	ErrExists = errors.New("the model version is registered already")
)

// namePattern keeps names and versions inside their directory: no slash, no leading dot.
var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

// ValidName reports whether a text may be the name of a model, of a version or of an alias.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// Registry is the model registry in one models zone.
type Registry struct {
	zone   *lake.Zone
	verify ed25519.PublicKey
	sign   ed25519.PrivateKey
}

// New gives the registry in a models zone.
func New(models *lake.Zone, options ...Option) *Registry {
	r := &Registry{zone: models}
	for _, o := range options {
		o(r)
	}
	return r
}

// Version is a model version with its bytes.
type Version struct {
	Manifest Manifest
	Model    []byte
	Metrics  Metrics
	Profile  Profile
	// Files are further files by their names, such as a model card. Open does not read them.
	Files map[string][]byte
}

// Register writes a version and sets the sums of its manifest. Nothing is visible before all of it is written.
func (r *Registry) Register(ctx context.Context, v *Version) error {
	m := &v.Manifest
	if !namePattern.MatchString(m.Name) || !namePattern.MatchString(m.Version) {
		return fmt.Errorf("registering %q %q: want letters, digits, '.', '_' and '-' in name and version", m.Name, m.Version)
	}
	manifestKey := r.key(m.Name, m.Version, ManifestFile)
	if ok, err := r.zone.Exists(ctx, manifestKey); err != nil || ok {
		return errors.Join(err, ifTrue(ok, fmt.Errorf("registering %s %s: %w", m.Name, m.Version, ErrExists)))
	}
	files := map[string][]byte{ModelFile: v.Model}
	maps.Copy(files, v.Files)
	for name, value := range map[string]any{MetricsFile: v.Metrics, ProfileFile: v.Profile} {
		data, err := marshal(value)
		if err != nil {
			return fmt.Errorf("registering %s %s: %s: %w", m.Name, m.Version, name, err)
		}
		files[name] = data
	}
	m.SHA256 = map[string]string{}
	for name, data := range files {
		m.SHA256[name] = Sum(data)
		if err := r.zone.Write(ctx, r.key(m.Name, m.Version, name), data); err != nil {
			return err
		}
	}
	data, err := marshal(m)
	if err != nil {
		return fmt.Errorf("registering %s %s: manifest: %w", m.Name, m.Version, err)
	}
	if err := r.writeSignature(ctx, manifestKey, data); err != nil {
		return err
	}
	return r.zone.Write(ctx, manifestKey, data)
}

// Open reads a version whole and checks every file against the manifest; ErrCorrupt where one differs.
func (r *Registry) Open(ctx context.Context, name, version string) (*Version, error) {
	if !namePattern.MatchString(name) || !namePattern.MatchString(version) {
		return nil, fmt.Errorf("opening model %q %q: not a name and version: %w", name, version, ErrCorrupt)
	}
	return r.open(ctx, name+"/versions/"+version+"/")
}

// OpenFiles reads the version whose files lie at the top of the zone, or in its only folder, as platforms mount them.
func (r *Registry) OpenFiles(ctx context.Context) (*Version, error) {
	ok, err := r.zone.Exists(ctx, ManifestFile)
	if err != nil {
		return nil, err
	}
	if ok {
		return r.open(ctx, "")
	}
	objects, err := r.zone.List(ctx, "")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, o := range objects {
		if folder, file := path.Split(o.Key); file == ManifestFile {
			found = append(found, folder)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("opening a model in %s: found %d files %s, want one", r.zone.URI(), len(found), ManifestFile)
	}
	return r.open(ctx, found[0])
}

// The largest files that are read. They keep a hostile registry from taking the memory of a server.
const (
	maxModel = 2 << 30
	maxJSON  = 64 << 20
	maxAlias = 64 << 10
)

// open reads the version whose files lie under a prefix.
func (r *Registry) open(ctx context.Context, prefix string) (*Version, error) {
	var v Version
	data, err := r.zone.ReadAtMost(ctx, prefix+ManifestFile, maxJSON)
	if err != nil {
		return nil, err
	}
	if err := r.checkSignature(ctx, prefix, data); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &v.Manifest); err != nil {
		return nil, fmt.Errorf("opening model %s: manifest.json: %w: %w", prefix, err, ErrCorrupt)
	}
	if v.Model, err = r.verified(ctx, prefix, &v.Manifest, ModelFile, maxModel); err != nil {
		return nil, err
	}
	for file, into := range map[string]any{MetricsFile: &v.Metrics, ProfileFile: &v.Profile} {
		data, err := r.verified(ctx, prefix, &v.Manifest, file, maxJSON)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, into); err != nil {
			return nil, fmt.Errorf("opening model %s: %s: %w: %w", prefix, file, err, ErrCorrupt)
		}
	}
	return &v, nil
}

func (r *Registry) verified(ctx context.Context, prefix string, m *Manifest, file string, most int64) ([]byte, error) {
	data, err := r.zone.ReadAtMost(ctx, prefix+file, most)
	if err != nil {
		return nil, err
	}
	if want := m.SHA256[file]; Sum(data) != want {
		return nil, fmt.Errorf("opening model %s %s: %s has SHA-256 %s, the manifest says %q: %w",
			m.Name, m.Version, file, Sum(data), want, ErrCorrupt)
	}
	return data, nil
}

// Versions lists the registered versions of a model, oldest first.
func (r *Registry) Versions(ctx context.Context, name string) ([]string, error) {
	objects, err := r.zone.List(ctx, name+"/versions/")
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, o := range objects {
		parts := strings.Split(o.Key, "/")
		if len(parts) == 4 && parts[3] == ManifestFile {
			versions = append(versions, parts[2])
		}
	}
	sort.Strings(versions)
	return versions, nil
}

// Manifest reads the manifest of a version and nothing else.
func (r *Registry) Manifest(ctx context.Context, name, version string) (*Manifest, error) {
	data, err := r.zone.ReadAtMost(ctx, r.key(name, version, ManifestFile), maxJSON)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("reading the manifest of %s %s: %w: %w", name, version, err, ErrCorrupt)
	}
	return &m, nil
}

// Alias is what an alias stands for.
type Alias struct {
	// Version that the alias stands for.
	Version string `json:"version"`
	// Previous is the version that it stood for before; empty for the first.
	Previous string `json:"previous,omitempty"`
	// Updated is the time of the swap.
	Updated time.Time `json:"updated"`
}

// Resolve reads an alias. ErrNoAlias where nothing has been promoted yet.
func (r *Registry) Resolve(ctx context.Context, name, alias string) (*Alias, error) {
	data, err := r.zone.ReadAtMost(ctx, aliasKey(name, alias), maxAlias)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, fmt.Errorf("resolving %s of model %s: %w", alias, name, ErrNoAlias)
	}
	if err != nil {
		return nil, err
	}
	var a Alias
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("resolving %s of model %s: %w: %w", alias, name, err, ErrCorrupt)
	}
	return &a, nil
}

// Promote lets an alias stand for a registered version, in one atomic write.
func (r *Registry) Promote(ctx context.Context, name, alias, version string) error {
	if _, err := r.Manifest(ctx, name, version); err != nil {
		return fmt.Errorf("promoting %s %s to %s: %w", name, version, alias, err)
	}
	next := Alias{Version: version, Updated: time.Now().UTC()}
	current, err := r.Resolve(ctx, name, alias)
	switch {
	case err == nil:
		next.Previous = current.Version
	case !errors.Is(err, ErrNoAlias):
		return err
	}
	data, err := marshal(next)
	if err != nil {
		return err
	}
	return r.zone.Write(ctx, aliasKey(name, alias), data)
}

// Sum is the SHA-256 of data in lower-case hexadecimal digits.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (r *Registry) key(name, version, file string) string {
	return name + "/versions/" + version + "/" + file
}

func aliasKey(name, alias string) string { return name + "/aliases/" + alias }

func marshal(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}

func ifTrue(ok bool, err error) error {
	if ok {
		return err
	}
	return nil
}
