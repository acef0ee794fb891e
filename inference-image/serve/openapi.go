package serve

import (
	_ "embed"
	"net/http"
)

// openAPIText describes every route. The tests of this package hold every answer that they get against it.
//
//go:embed openapi.json
var openAPIText []byte

// openAPI answers GET /openapi.json.
func openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(openAPIText) // the caller may have gone
}
