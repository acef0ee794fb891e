package serve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/mlpathway/mlpathway/inference-image/protocol"
)

// MaxBody is the largest body of a request in bytes, unless Options say something else.
const MaxBody = 8 << 20

// keptBuffer is the largest buffer that is kept for the next request.
const keptBuffer = 1 << 20

// scratch is the memory of one request.
type scratch struct {
	body   []byte
	answer []byte
	out    []float32 // the outputs of all rows
	rows   protocol.Rows
	v2     *protocol.V2Request // of a request of that protocol
	header int                 // of an answer of that protocol: the length of its JSON, where bytes follow
	id     string              // that the caller gave the request; empty where it gave none
}

var scratches = sync.Pool{New: func() any { return &scratch{body: make([]byte, 0, 4096)} }}

func (x *scratch) release() {
	x.v2, x.id, x.header = nil, "", 0
	if cap(x.body) <= keptBuffer && cap(x.answer) <= keptBuffer && cap(x.rows.Values)*4 <= keptBuffer &&
		cap(x.out)*4 <= keptBuffer {
		scratches.Put(x)
	}
}

// read takes the body into the scratch.
func (x *scratch) read(w http.ResponseWriter, r *http.Request, most int64) *failure {
	tooLarge := &failure{http.StatusRequestEntityTooLarge, "too_large", nil}
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // the body is not read to its end
		tooLarge.err = bodyLimit(most)
		return tooLarge
	}
	x.body = x.body[:0]
	for {
		if int64(len(x.body)) > most {
			w.Header().Set("Connection", "close")
			tooLarge.err = bodyLimit(most)
			return tooLarge
		}
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
		n, err := r.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case errors.Is(err, io.EOF) && int64(len(x.body)) <= most:
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return &failure{http.StatusBadRequest, "cut_off", errors.New("the body could not be read to its end")}
		}
	}
}

func bodyLimit(most int64) error {
	return fmt.Errorf("the body is larger than %d MiB; send fewer rows at a time", most>>20)
}

// failure is why a request was not answered: the HTTP code, the kind for the metrics, and what the caller is told.
type failure struct {
	code int
	kind string
	err  error
}
