//go:build !cloud

package metadata

import (
	"errors"
	"net/url"
)

func openCosmos(*url.URL) (Table, error) {
	return nil, errors.New("this program was built without the tag cloud, which cosmos needs")
}
