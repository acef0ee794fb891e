package features

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"gocloud.dev/docstore"
)

// document is a row of the online features in a document store. Its fields are the columns.
type document struct {
	Key      string `docstore:"key"`
	Features string `docstore:"features"`
	Updated  string `docstore:"updated"`
	Expires  int64  `docstore:"expires,omitempty"` // the second at which the store forgets the row
}

// togetherDocuments is how many rows are under way at a time.
const togetherDocuments = 100

// fillDocuments puts the rows into a document store, such as dynamodb://TABLE?partition_key=key&ttl_days=7. Each row is
// replaced by itself. Rows whose keys are gone stay until the store forgets them.
func (f *features) fillDocuments(ctx context.Context, r *result) error {
	u, days, err := documentsURL(f.Online)
	if err != nil {
		return fmt.Errorf("filling the online store: %w", err)
	}
	rows, err := docstore.DefaultURLMux().OpenCollectionURL(ctx, u)
	if err != nil {
		return fmt.Errorf("filling the online store: %w", err)
	}
	defer func() { _ = rows.Close() }()
	now, waiting := time.Now().UTC(), rows.Actions()
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := waiting.Do(ctx)
		waiting, n = rows.Actions(), 0
		return err
	}
	err = r.each(func(key, features string) error {
		d := &document{Key: key, Features: features, Updated: now.Format(time.RFC3339Nano)}
		if days > 0 {
			d.Expires = now.AddDate(0, 0, days).Unix()
		}
		waiting.Put(d)
		if n++; n < togetherDocuments {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("filling the online store %s: %w", f.Online, err)
	}
	f.Say("the online store holds %d rows", r.rows)
	return nil
}

// documentsURL takes out of an address what only this program understands.
func documentsURL(uri string) (*url.URL, int, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, 0, err
	}
	query, days := u.Query(), 0
	if given := query.Get("ttl_days"); given != "" {
		if days, err = strconv.Atoi(given); err != nil || days < 0 {
			return nil, 0, fmt.Errorf("ttl_days: found %q, want a number of days", given)
		}
		query.Del("ttl_days")
		u.RawQuery = query.Encode()
	}
	return u, days, nil
}
