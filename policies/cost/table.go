package cost

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the price table and its manifest
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed prices.csv
var embeddedPrices []byte

//go:embed manifest.json
var embeddedManifest []byte

// Manifest describes a price file, so that a truncated or altered one is refused.
type Manifest struct {
	// Version of the format of the file.
	Version int `json:"version"`
	// Date on which the file was put together.
	Date string `json:"date"`
	// Currency of all prices.
	Currency string `json:"currency"`
	// SHA256 of the file in hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Rows of the file by cloud.
	Rows map[string]int `json:"rows"`
}

// tableVersion is the version of the format of the price file.
const tableVersion = 1

// Table is a checked price table.
type Table struct {
	// Manifest of the file that the table was read from.
	Manifest Manifest
	prices   []Price
	bySKU    map[string][]Price // cloud/service/sku
}

// Embedded is the table that this program was built with.
func Embedded() (*Table, error) { return LoadTable(embeddedPrices, embeddedManifest) }

// LoadTable reads a price file and its manifest, and refuses either if they do not belong together.
func LoadTable(prices, manifest []byte) (*Table, error) {
	var m Manifest
	decoder := json.NewDecoder(bytes.NewReader(manifest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return nil, fmt.Errorf("price manifest: %w", err)
	}
	made, ok := day(m.Date)
	switch {
	case m.Version != tableVersion:
		return nil, fmt.Errorf("price manifest: version %d, want %d", m.Version, tableVersion)
	case m.Currency != "USD":
		return nil, fmt.Errorf("price manifest: currency %q, want USD", m.Currency)
	case !ok:
		return nil, fmt.Errorf("price manifest: date %q, want a day such as 2026-01-19", m.Date)
	}
	if sum := Sum(prices); sum != m.SHA256 {
		return nil, fmt.Errorf("price manifest: the price file has the SHA-256 %s, want %s", sum, m.SHA256)
	}
	rows, err := ReadPrices(bytes.NewReader(prices), made)
	if err != nil {
		return nil, err
	}
	for cloud, count := range countRows(rows) {
		if m.Rows[cloud] != count {
			return nil, fmt.Errorf("price manifest: %d rows of %s, want %d", count, cloud, m.Rows[cloud])
		}
	}
	return newTable(m, rows), nil
}

func newTable(m Manifest, rows []Price) *Table {
	t := &Table{Manifest: m, prices: rows, bySKU: map[string][]Price{}}
	for _, p := range rows {
		if p.usable() {
			key := p.Cloud + "/" + p.Service + "/" + p.SKU
			t.bySKU[key] = append(t.bySKU[key], p)
		}
	}
	for _, same := range t.bySKU {
		slices.SortFunc(same, func(a, b Price) int { return strings.Compare(a.Region, b.Region) })
	}
	return t
}

// Sum is the SHA-256 of a price file as it stands in the manifest.
func Sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

func countRows(rows []Price) map[string]int {
	count := map[string]int{}
	for _, p := range rows {
		count[p.Cloud]++
	}
	return count
}

// Prices are all rows, in the order of the file.
func (t *Table) Prices() []Price { return slices.Clone(t.prices) }

// reference regions stand in for a region without a row, in this order; their prices are the lowest or near it.
var reference = map[string][]string{
	"aws":   {"us-east-1", "us-east-2", "us-west-2"},
	"gcp":   {"us-central1", "us-east4", "europe-west4"},
	"azure": {"eastus", "westus", "westeurope"},
}

// Find gives the price of a SKU in a region. Where the table has none there, the reference region's stands in: compare
// the Region of the answer.
func (t *Table) Find(cloud, service, sku, region string) (Price, bool) {
	rows := t.bySKU[cloud+"/"+service+"/"+sku]
	if len(rows) == 0 {
		return Price{}, false
	}
	for _, wanted := range append([]string{region}, reference[cloud]...) {
		if i := slices.IndexFunc(rows, func(p Price) bool { return p.Region == wanted }); i >= 0 {
			return rows[i], true
		}
	}
	return rows[0], true
}

// StaleDays is the age of a table in days above which every estimate warns.
const StaleDays = 180

// AgeDays is how old the table is.
func (t *Table) AgeDays(now time.Time) int {
	made, _ := day(t.Manifest.Date)
	return int(now.Sub(made).Hours() / 24)
}

// Write writes prices as a price file, and the manifest that belongs to it. It fails where the file would be refused.
func Write(prices []Price, date time.Time) (file, manifest []byte, err error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{columns}
	for _, p := range prices {
		rows = append(rows, []string{
			p.Cloud, p.Service, p.SKU, p.Region, p.Unit, strconv.FormatFloat(p.USD, 'f', -1, 64), p.Source, p.Date,
			strings.Join(p.Marks, ";"),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, nil, err
	}
	manifest, err = json.MarshalIndent(Manifest{
		Version: tableVersion, Date: date.UTC().Format(time.DateOnly), Currency: "USD", SHA256: Sum(b.Bytes()),
		Rows: countRows(prices),
	}, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	manifest = append(manifest, '\n')
	_, err = LoadTable(b.Bytes(), manifest)
	return b.Bytes(), manifest, err
}
